package catalog

import (
	"path/filepath"

	"vzsl/attributes"
	"vzsl/datasets/xlsa17"
)

// DownloadXLSA17 is the command that brings the datasets which are only to be had as part of xlsa17.
const DownloadXLSA17 = "vzsl download xlsa17"

const xlsaLicence = "No licence is stated; the terms of the datasets it was computed from hold. Cite"

// XLSA17 is the layout of a folder of xlsa17.
const XLSA17 = "xlsa17"

// xlsa is the layout of xlsa17, a folder for each of its datasets, not a dataset.
var xlsa = Entry{
	Name:   XLSA17,
	Files:  "features, attributes and splits of xlsa17 (below), a folder for each dataset; the only source of aPY",
	Obtain: "run '" + DownloadXLSA17 + "', or get xlsa17.zip from " + xlsa17.Page + ", unpack it and give the folder of one dataset, xlsa17/data/CUB, as --data",
	Open:   xlsa17.Dataset, Marks: []string{xlsa17.SplitsFile},
	Features: &Features{Import: "import xlsa17", Absent: "put " + xlsa17.FeaturesFile + " of the same dataset there (xlsa17.zip has it: '" + DownloadXLSA17 + "')"},
	Describe: func(root string, classes []string, _ string) (*attributes.Table, error) {
		return attributes.ReadXLSA17(filepath.Join(root, xlsa17.SplitsFile), "", classes, classes)
	},
	Descriptions: "original_att, or att, of att_splits.mat",
	Downloads: []Download{
		{
			Name: "xlsa17", Title: "xlsa17: ResNet-101 features and the proposed splits of AWA1, AWA2, CUB, SUN, aPY", Page: "https://www.mpi-inf.mpg.de/zsl-benchmark",
			Licence: xlsaLicence + `: Xian, Lampert, Schiele, Akata,
"Zero-Shot Learning - A Comprehensive Evaluation of the Good, the Bad and the Ugly", TPAMI 2019.`,
			Place: "data/xlsa17", Unpacked: 10e9, Next: "vzsl check xlsa17",
			Files: []RemoteFile{{Name: "xlsa17.zip", Unpack: true, About: "0.9 GB",
				URLs: []string{"https://datasets.d2.mpi-inf.mpg.de/xian/xlsa17.zip"}}},
		},
		{
			Name: "xlsa17-standard", Title: "xlsa17's standard splits of the same datasets", Page: "https://www.mpi-inf.mpg.de/zsl-benchmark",
			Licence: xlsaLicence + " as xlsa17.",
			Place:   "data/xlsa17-standard", Unpacked: 1e9, Next: "vzsl import xlsa17 --help",
			Files: []RemoteFile{{Name: "standard_split.zip", Unpack: true,
				URLs: []string{"https://datasets.d2.mpi-inf.mpg.de/xian/standard_split.zip"}}},
		},
	},
}

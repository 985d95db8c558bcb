package workspace

import (
	"slices"

	"vzsl/datasets/catalog"
)

// Downloads are what 'vzsl download' fetches: the datasets, a network, word vectors.
var Downloads = slices.Concat(catalog.Downloads(), []catalog.Download{
	{
		Name: "vgg19", Title: "VGG-19 trained on ImageNet, the ONNX model zoo's vgg19-7: the network of the paper's features",
		Page: "https://github.com/onnx/models/tree/main/validated/vision/classification/vgg",
		Licence: `Apache 2.0 (ONNX model zoo, converted from MXNet Gluon). ImageNet's images, which it was trained on, are for
non-commercial research. Cite: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", ICLR 2015.`,
		Place: "models/vgg19.onnx", Next: "vzsl extract --dataset cub",
		Files: []catalog.RemoteFile{{
			Name: "vgg19-7.onnx", Size: 574677321, SHA256: "692f9f927f1df1b89033787a77a73eac59fd9b3344f9ecdf0b13221e41c2046f", Source: "the model zoo's Git LFS pointer",
			URLs: []string{
				"https://media.githubusercontent.com/media/onnx/models/main/validated/vision/classification/vgg/model/vgg19-7.onnx",
				"https://github.com/onnx/models/raw/main/validated/vision/classification/vgg/model/vgg19-7.onnx",
				"https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/validated/vision/classification/vgg/model/vgg19-7.onnx",
			},
		}},
	},
	{
		Name: "glove", Title: "GloVe word vectors, 400,000 words, 50 to 300 values, of Wikipedia 2014 and Gigaword 5",
		Page:    "https://nlp.stanford.edu/projects/glove/",
		Licence: `Public Domain Dedication and License 1.0. Cite: Pennington, Socher, Manning, "GloVe: Global Vectors for Word Representation", EMNLP 2014.`,
		Place:   "data/glove", Unpacked: 6e9, Next: "vzsl attributes --own --words data/glove/glove.6B.300d.txt",
		Files: []catalog.RemoteFile{{Name: "glove.6B.zip", Unpack: true, Size: 862182613,
			URLs: []string{"https://nlp.stanford.edu/data/glove.6B.zip", "https://downloads.cs.stanford.edu/nlp/data/glove.6B.zip"}}},
	},
	{
		Name: "fasttext", Title: "fastText word vectors, 1 million words, 300 values, of Wikipedia 2017, UMBC and statmt.org news",
		Page:    "https://fasttext.cc/docs/en/english-vectors.html",
		Licence: `CC BY-SA 3.0. Cite: Mikolov, Grave, Bojanowski, Puhrsch, Joulin, "Advances in Pre-Training Distributed Word Representations", LREC 2018.`,
		Place:   "data/fasttext", Unpacked: 6e9, Next: "vzsl attributes --own --words data/fasttext/wiki-news-300d-1M.vec",
		Files: []catalog.RemoteFile{{Name: "wiki-news-300d-1M.vec.zip", Unpack: true, About: "680 MB",
			URLs: []string{"https://dl.fbaipublicfiles.com/fasttext/vectors-english/wiki-news-300d-1M.vec.zip"}}},
	},
})

// ByHand says of a source that wants a log-in or a click what to do; "" of others.
func ByHand(name string) string {
	if name == googleNews {
		return "GoogleNews-vectors-negative300.bin.gz is on Google Drive and has to be downloaded by hand: https://code.google.com/archive/p/word2vec/; give it to 'vzsl attributes --words' without unpacking"
	}
	return catalog.Lookup(name).ByHand
}

const googleNews = "googlenews"

// NamesByHand are the sources of ByHand, sorted.
func NamesByHand() []string {
	names := []string{googleNews}
	for _, e := range catalog.Entries() {
		if e.ByHand != "" {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return names
}

// DownloadNames are the names of Downloads.
func DownloadNames() []string {
	var names []string
	for _, d := range Downloads {
		names = append(names, d.Name)
	}
	return names
}

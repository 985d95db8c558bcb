package pipeline

import "vzsl/internal/download"

// offer is something that can be downloaded: a data set, a network, word vectors.
type offer struct {
	name, title string
	page        string // where it is described
	licence     string // shown and accepted before the first byte
	place       string // what appears: a folder, or of a network a file
	files       []offeredFile
	unpacked    int64  // bytes it may unpack to
	next        string // the command to go on with
}

// offeredFile is one file of an offer. Checksums are those that a source gives; where none is known the length and the
// SHA-256 of what came are reported, so that two people can compare.
type offeredFile struct {
	download.File
	name   string
	about  string // size, where it is not known to the byte
	source string // who gives the checksum
	unpack bool
}

func one(f offeredFile, size int64, urls ...string) offeredFile {
	f.Size, f.URLs = size, urls
	return f
}

// published are the official addresses. The sizes and checksums were copied from the sources named, not computed.
var published = []offer{
	{
		name: "cub", title: "CUB-200-2011: 11,788 pictures of 200 birds, 312 attributes",
		page: "https://www.vision.caltech.edu/datasets/cub_200_2011/",
		licence: `The pictures belong to their photographers (Flickr); the dataset's authors (Caltech, UC San Diego) hand them
round for non-commercial research and education only. Cite: Wah, Branson, Welinder, Perona, Belongie, "The
Caltech-UCSD Birds-200-2011 Dataset", CNS-TR-2011-001.`,
		place: "data/cub", unpacked: 4e9, next: "vzsl check cub",
		files: []offeredFile{one(offeredFile{name: "CUB_200_2011.tgz", unpack: true, source: "CaltechDATA (MD5), TensorFlow Datasets (SHA-256)",
			File: download.File{SHA256: "0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081", MD5: "97eceeb196236b17998738112f37df78"}},
			1150585339, "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1",
			"https://data.caltech.edu/api/records/65de6-vp158/files/CUB_200_2011.tgz/content")},
	},
	{
		name: "awa2", title: "Animals with Attributes 2: 37,322 pictures of 50 animals, 85 attributes",
		page: "https://cvml.ista.ac.at/AwA2/",
		licence: `The pictures were collected from Flickr and Wikipedia under licences that allow use and redistribution; each
one's licence is in the archive's folder licenses/. Cite: Xian, Lampert, Schiele, Akata, "Zero-Shot Learning -
A Comprehensive Evaluation of the Good, the Bad and the Ugly", TPAMI 2019.`,
		place: "data/awa2", unpacked: 60e9, next: "vzsl check awa2",
		files: []offeredFile{
			one(offeredFile{name: "AwA2-base.zip", unpack: true, about: "32 kB"}, 0, "https://cvml.ista.ac.at/AwA2/AwA2-base.zip"),
			one(offeredFile{name: "AwA2-data.zip", unpack: true, about: "13 GB", source: "DeepMind's NEVIS (MD5)",
				File: download.File{MD5: "eaa27cf799d5cf55af372356d7281b5e"}}, 0, "https://cvml.ista.ac.at/AwA2/AwA2-data.zip"),
		},
	},
	{
		name: "awa1", title: "Animals with Attributes (1): VGG-19 features of 30,475 pictures of 50 animals, 85 attributes; no pictures",
		page: "https://cvml.ista.ac.at/AwA/",
		licence: `No licence is stated. The features were computed from pictures that are not handed round, for their owners'
rights. Cite: Lampert, Nickisch, Harmeling, "Attribute-Based Classification for Zero-Shot Visual Object
Categorization", TPAMI 2014.`,
		place: "data/awa1", unpacked: 40e9, next: "vzsl check awa1",
		files: []offeredFile{
			one(offeredFile{name: "AwA-base.tar.bz2", unpack: true}, 0, "https://cvml.ista.ac.at/AwA/AwA-base.tar.bz2"),
			one(offeredFile{name: "AwA-features-vgg19.tar.bz2", unpack: true}, 0,
				"https://cvml.ista.ac.at/AwA/AwA-features-vgg19.tar.bz2", "http://www.ist.ac.at/~chl/AwA/AwA-features-vgg19.tar.bz2"),
		},
	},
	{
		name: "sun", title: "SUN Attribute: 14,340 pictures of 717 scenes, 102 attributes",
		page: "https://cs.brown.edu/~gmpatter/sunattributes.html",
		licence: `No licence is stated; the pictures belong to their owners (SUN database) and are for research. Cite:
Patterson, Hays, "SUN Attribute Database: Discovering, Annotating, and Recognizing Scene Attributes", CVPR 2012.`,
		place: "data/sun", unpacked: 20e9, next: "vzsl check sun",
		files: []offeredFile{
			one(offeredFile{name: "SUNAttributeDB.tar.gz", unpack: true, about: "0.5 MB", source: "DeepMind's NEVIS (MD5)",
				File: download.File{MD5: "883293e5b645822f6ae0046c6df54183"}}, 0,
				"https://cs.brown.edu/~gmpatter/Attributes/SUNAttributeDB.tar.gz", "https://cs.brown.edu/people/gmpatter/Attributes/SUNAttributeDB.tar.gz"),
			one(offeredFile{name: "SUNAttributeDB_Images.tar.gz", unpack: true, about: "1.8 GB", source: "DeepMind's NEVIS (MD5)",
				File: download.File{MD5: "5966725c7306df6e05cd3ada7f45a18b"}}, 0,
				"https://cs.brown.edu/~gmpatter/Attributes/SUNAttributeDB_Images.tar.gz", "https://cs.brown.edu/people/gmpatter/Attributes/SUNAttributeDB_Images.tar.gz"),
		},
	},
	{
		name: "flo", title: "Oxford Flowers 102: 8,189 pictures of 102 flowers; no attributes",
		page: "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
		licence: `No licence is stated; the pictures belong to their owners and are for research. Cite: Nilsback, Zisserman,
"Automated Flower Classification over a Large Number of Classes", ICVGIP 2008.`,
		place: "data/flo", unpacked: 4e9, next: "vzsl check flo",
		files: []offeredFile{
			one(offeredFile{name: "102flowers.tgz", unpack: true, about: "345 MB", source: "torchvision (MD5)", File: download.File{MD5: "52808999861908f626f3c1f4e79d11fa"}}, 0,
				"https://www.robots.ox.ac.uk/~vgg/data/flowers/102/102flowers.tgz"),
			one(offeredFile{name: "imagelabels.mat", source: "torchvision (MD5)", File: download.File{MD5: "e0620be6f572b9609742df49c70aed4d"}}, 0,
				"https://www.robots.ox.ac.uk/~vgg/data/flowers/102/imagelabels.mat"),
			one(offeredFile{name: "setid.mat", source: "torchvision (MD5)", File: download.File{MD5: "a5357ecc9cb78c4bef273ce3793fc85c"}}, 0,
				"https://www.robots.ox.ac.uk/~vgg/data/flowers/102/setid.mat"),
		},
	},
	{
		name: "xlsa17", title: "xlsa17: ResNet-101 features and the proposed splits of AWA1, AWA2, CUB, SUN, aPY",
		page: "https://www.mpi-inf.mpg.de/zsl-benchmark",
		licence: `No licence is stated; the terms of the datasets it was computed from hold. Cite: Xian, Lampert, Schiele, Akata,
"Zero-Shot Learning - A Comprehensive Evaluation of the Good, the Bad and the Ugly", TPAMI 2019.`,
		place: "data/xlsa17", unpacked: 10e9, next: "vzsl check xlsa17",
		files: []offeredFile{one(offeredFile{name: "xlsa17.zip", unpack: true, about: "0.9 GB"}, 0,
			"https://datasets.d2.mpi-inf.mpg.de/xian/xlsa17.zip", "http://datasets.d2.mpi-inf.mpg.de/xian/xlsa17.zip")},
	},
	{
		name: "xlsa17-standard", title: "xlsa17's standard splits of the same datasets",
		page:    "https://www.mpi-inf.mpg.de/zsl-benchmark",
		licence: "No licence is stated; the terms of the datasets it was computed from hold. Cite as xlsa17.",
		place:   "data/xlsa17-standard", unpacked: 1e9, next: "vzsl import xlsa17 --help",
		files: []offeredFile{one(offeredFile{name: "standard_split.zip", unpack: true}, 0,
			"https://datasets.d2.mpi-inf.mpg.de/xian/standard_split.zip", "http://datasets.d2.mpi-inf.mpg.de/xian/standard_split.zip")},
	},
	{
		name: "vgg19", title: "VGG-19 trained on ImageNet, the ONNX model zoo's vgg19-7: the network of the paper's features",
		page: "https://github.com/onnx/models/tree/main/validated/vision/classification/vgg",
		licence: `Apache 2.0 (ONNX model zoo, converted from MXNet Gluon). ImageNet's pictures, which it was trained on, are for
non-commercial research. Cite: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", ICLR 2015.`,
		place: "models/vgg19.onnx", next: "vzsl extract --dataset cub",
		files: []offeredFile{one(offeredFile{name: "vgg19-7.onnx", source: "the model zoo's Git LFS pointer",
			File: download.File{SHA256: "692f9f927f1df1b89033787a77a73eac59fd9b3344f9ecdf0b13221e41c2046f"}}, 574677321,
			"https://media.githubusercontent.com/media/onnx/models/main/validated/vision/classification/vgg/model/vgg19-7.onnx",
			"https://github.com/onnx/models/raw/main/validated/vision/classification/vgg/model/vgg19-7.onnx",
			"https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/validated/vision/classification/vgg/model/vgg19-7.onnx")},
	},
	{
		name: "glove", title: "GloVe word vectors, 400,000 words, 50 to 300 values, of Wikipedia 2014 and Gigaword 5",
		page:    "https://nlp.stanford.edu/projects/glove/",
		licence: `Public Domain Dedication and License 1.0. Cite: Pennington, Socher, Manning, "GloVe: Global Vectors for Word Representation", EMNLP 2014.`,
		place:   "data/glove", unpacked: 6e9, next: "vzsl attributes --own --words data/glove/glove.6B.300d.txt",
		files: []offeredFile{one(offeredFile{name: "glove.6B.zip", unpack: true}, 862182613,
			"https://nlp.stanford.edu/data/glove.6B.zip", "https://downloads.cs.stanford.edu/nlp/data/glove.6B.zip")},
	},
	{
		name: "fasttext", title: "fastText word vectors, 1 million words, 300 values, of Wikipedia 2017, UMBC and statmt.org news",
		page:    "https://fasttext.cc/docs/en/english-vectors.html",
		licence: `CC BY-SA 3.0. Cite: Mikolov, Grave, Bojanowski, Puhrsch, Joulin, "Advances in Pre-Training Distributed Word Representations", LREC 2018.`,
		place:   "data/fasttext", unpacked: 6e9, next: "vzsl attributes --own --words data/fasttext/wiki-news-300d-1M.vec",
		files: []offeredFile{one(offeredFile{name: "wiki-news-300d-1M.vec.zip", unpack: true, about: "680 MB"}, 0,
			"https://dl.fbaipublicfiles.com/fasttext/vectors-english/wiki-news-300d-1M.vec.zip")},
	},
}

// byHand are sources that want a log-in or a click.
var byHand = map[string]string{
	"imagenet":   "ImageNet wants an account: download ILSVRC2012 from https://image-net.org/download.php and give its folder as --data",
	"apy":        "aPY has no address that can be fetched any more; its features, attributes and splits are part of xlsa17: " + download17,
	"googlenews": "GoogleNews-vectors-negative300.bin.gz is on Google Drive and wants a click: https://code.google.com/archive/p/word2vec/; give the file as 'vzsl attributes --words', packed as it is",
}

package catalog

const apyUnseen = "donkey monkey goat wolf jetski zebra centaur mug statue building bag carriage"

var apy = Entry{
	Name: "apy", Title: "aPY",
	ByHand: "aPY can no longer be downloaded; its features, attributes and splits are part of xlsa17: " + DownloadXLSA17,
	Counts: Counts{Classes: 32, Images: 15339, Attributes: 64},
	Splits: []Split{{"standard", 20, 12, byNames(apyUnseen), "aPascal and aYahoo standard split, 20 seen classes of the former and 12 unseen ones of the latter:  " +
		"Farhadi, Endres, Hoiem, Forsyth, Describing Objects by their Attributes, CVPR 2009"}},
}

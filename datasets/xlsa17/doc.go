// Package xlsa17 reads and writes folders in the layout of xlsa17, the features, attributes and proposed splits of Xian, Lampert,
// Schiele and Akata ("Zero-Shot Learning - A Comprehensive Evaluation of the Good, the Bad and the Ugly", TPAMI 2019): [Open]
// reads one, its Split and Import make a split and feature shards of it, [Export] writes one of any dataset.
package xlsa17

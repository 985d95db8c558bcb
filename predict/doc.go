// Package predict classifies images with a trained model: Rank scores their features against classes given as attribute
// vectors, turns the scores into probabilities, and explains them by the attributes that contribute for and against the
// predicted class. Classes can be new: a class needs a description, no training. WriteCSV and WriteParquet store the
// predictions.
//
// The model is behind an interface, so that any method can be used; *runs.Predictor, the model of a run, is one.
package predict

// Package evaluate measures a trained model on classes it never saw.
//
// ZeroShot streams the test images of a split past a Scorer and ranks, for each image, the unseen classes of that split
// by score. From these rankings come top-1 and top-k accuracy, per image and as the mean over classes, the confusion
// matrix and the accuracy of every class, with bootstrap intervals that say how far the figures would move with other
// images of these classes, and with other classes. Where the split holds out images of seen classes too, the same is
// done among seen and unseen classes together (generalised zero-shot learning): U, S, their harmonic mean H and the
// area under the seen-unseen curve. Where a temperature makes probabilities of scores, their expected calibration error
// says how far they can be believed.
//
// Every unseen class of the split is a candidate, also one without a single test image: the model has to tell it from
// the others all the same. Such classes are named in the result and left out of the means, which go over the classes
// that have images.
//
// NewMaps lays test images of unseen classes out in the plane by t-SNE: their features, latent codes and
// reconstructions. NewMistakes reads in attributes what spoke for the most confident mistakes.
//
// All accuracies are fractions between 0 and 1.
package evaluate

// Package vzsl is the variational model of zero-shot recognition of Wang et al. (arXiv:1711.05820): a variational
// autoencoder over image features whose prior depends on the class. The encoder gives each feature x a Gaussian
// q(z|x); each class, described by its attribute vector a, is the Gaussian p(z|a) = N(W_mu a, diag exp(W_sigma a));
// an image belongs to the class whose Gaussian is nearest to its own by KL divergence. Nothing in this asks that the
// class was seen in training.
//
// Training maximises, for each labelled sample of a seen class,
//
//	E_q[log p(x|z)] - KL(q(z|x) || p(z|a_y)) - lambda log sum_c exp(-KL(q(z|x) || p(z|a_c)))
//
// with c over all seen classes, the true one included. Without the first term this is VZSL#.
//
// The objective is a Gorgonia graph, differentiated by Gorgonia; its operations are this package's own, each doing a
// whole layer or a whole term at once and writing to memory that it keeps. Prediction is plain code over the same
// functions.
package vzsl

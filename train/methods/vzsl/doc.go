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
// By default (closed) the latent space has a second block, y, in closed form: zero-shot PLDA. closed=false, or the preset
// paper, is the paper's model alone.
//
//	                a                        the class's attributes
//	             /     \
//	p(z|a) learned     p(mu|a) = N(k(a)' alpha, diag tau)      in closed form
//	            |       |
//	            z       mu ---- y', y'', ...   other images of the class, labelled or not
//	            |       |
//	       q(z|x)       y ~ N(mu, I),   y = L^-1 (x - m)
//	             \     /
//	                x                        the image's feature
//
// The code of an image is (z, y) with q(z, y|x) = q(z|x) at y = L^-1 (x - m), and a class is p(z|a) p(y|a) with
// p(y|a) = N(y; m_c, 1 + v_c), mu integrated out, where m_c and v_c are the posterior's of mu given what images of the class are
// known: none, then v_c = tau and m_c = k(a)' alpha; some, labelled or expected, then these come in by their number and
// their sum. The divergence of the code from a class is the sum of both blocks',
//
//	KL(q(z|x) || p(z|a_c)) - log N(y; m_c, 1 + v_c) + a term that no class changes
//
// and the class of the least one is taken. With attributes normalised by both-centre-l2 the learned block takes them centred,
// the closed one their square roots centred: the two then err less alike. The learned block was trained as a softmax, whose
// logits have a scale of their own, so that each block's part is divided by its standard deviation about its mean over the
// candidates, measured on seen classes that took no part in the fit (the choice's closed_deviation and learned_deviation) and
// stored with the model. Where validation classes are named better without y, it is left out.
//
// With unlabelled images of the unseen classes (transductive) the closed block is fitted to these by expectation and maximisation,
// the learned block's scores being evidence beside its own; then the learned block is trained again, with the images whose class is
// nearly certain (above 0.9) as labelled ones and with the unseen classes among those of the margin; then the closed
// block again with its scores.
//
// The objective is a Gorgonia graph, differentiated by Gorgonia; its operations are this package's own, each doing a
// whole layer or a whole term at once and writing to memory that it keeps. Prediction is plain code over the same
// functions.
package vzsl

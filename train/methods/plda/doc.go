// Package plda is zero-shot PLDA: probabilistic linear discriminant analysis (Ioffe, ECCV 2006) whose prior of a class's mean
// is predicted from the class's attributes. Features are whitened by the scatter within the seen classes, so that a class is
// N(mu, I) there; kernel ridge regression from attribute vectors a gives each class, seen or not, the prior
//
//	mu ~ N(p(a), diag tau),    p(a) = k(a)' alpha,    k_i(a) = (1 + a'a_i)^2
//
// over the seen classes i, tau being the covariance of what that regression misses when a class is left out of it. A class
// of which images are known, n in number and s in sum, has by conjugacy the posterior
//
//	mu ~ N(m, diag v),    v = 1/(1/tau + n),    m = v (p/tau + s)
//
// and scores an image by log N(y; m, 1 + v), less that of a class of which nothing is known, N(y; 0, 1 + tau). One formula
// serves all settings: no image is the zero-shot setting, a few are the few-shot one (with no training: a sum is added),
// expected ones the transductive setting, and all of a seen class's images, beside the prediction that left it out, the
// generalised one.
//
// In detail, with S seen classes, n images and their means M (S x d), whose mean is m:
//
//   - features are projected to the principal subspace of the seen images (dimensions), found by subspace iteration;
//   - Sw, the scatter of the images about their class's mean over n - S, gets shrink tr(Sw)/d on its diagonal; with
//     Sw = L L' features and means become y = L^-1 (x - m);
//   - G = (K + ridge I)^-1 with the classes' kernel K, alpha = G M. Leaving class i out of the regression misses its mean by
//     r_i = alpha_i / G_ii exactly;
//   - E = r'r/S has the eigenvectors V and eigenvalues e. In their coordinates tau_j = e_j + floor mean(e), and floor mean(e)
//     in all others, where the means of the seen classes, and so all prototypes, agree: zero-shot scores need the S first
//     coordinates alone, which is two matrix products. In the others all classes share one variance outside the transductive
//     setting.
//
// Given unlabelled images of classes known by their attributes (transductive), expectation and maximisation alternate: with
// L the scores of a class's posterior without its log term, over a temperature, and b the log of the class's share,
// Q = softmax(L + b); every class then has em_weight sum Q images more, and shares are re-estimated, smoothed by
// prior_count images of each class. class_prior none takes all shares as equal and leaves the rest to the images; uniform
// holds the classes to equal numbers of images, which helps where that is true and costs much where it is not.
package plda

// Package splits assigns images to training, validation and test: a [Definition] has seen and unseen classes, from lists of
// names ([ReadLists]), drawn by a seed ([Random]) or by which classes have images ([Pictured]), or from a table of images and
// roles ([ReadImageRoles]); its Assign and AssignByImage make a features.Split. [AddShots] makes one for the few-shot setting.
//
// The same input gives the same split in whatever order it comes.
package splits

% Writes the SUN and ImageNet miniatures of make_layouts.py once more with Octave, whose files differ from SciPy's as MATLAB's do:
% whole numbers are stored as small as they fit, and save -v7 compresses. Run in this folder: octave-cli make_layouts.m
mkdir octave; mkdir octave/sun; mkdir octave/imagenet; mkdir octave/imagenet/data;
images = {'a/abbey/sun_a1.jpg'; 'a/abbey/sun_a2.jpg'; 'd/desert/sand/sun_b1.jpg'; 'd/desert/vegetation/sun_c1.jpg '; 'd/desert_road/sun_d1.jpg'; 'd/desert/sand/sun_b2.jpg'};
attributes = {'sailing/ boating'; 'driving'; 'open area '};
labels_cv = [0 1 1/3; 1 1 1/3; 2/3 0 0; 0 0 1; 1/3 1/3 1/3; 0 0 1];
save -v7 octave/sun/images.mat images
save -v6 octave/sun/attributes.mat attributes
save -v7 octave/sun/attributeLabels_continuous.mat labels_cv
rows = {1, 'n02119789', 'kit fox, Vulpes macrotis', []; 2, 'n02100735', 'English setter', []; 3, 'n02012849', 'crane', [];
        4, 'n03126707', 'crane', []; 5, 'n01440764', 'tench, Tinca tinca', []; 1001, 'n02083346', 'canine, canid', [1 2]};
for i = 1:size(rows, 1)
  synsets(i, 1) = struct('ILSVRC2012_ID', rows{i, 1}, 'WNID', rows{i, 2}, 'words', rows{i, 3}, 'gloss', 'a gloss', 'num_children', numel(rows{i, 4}), ...
                         'children', rows{i, 4}, 'wordnet_height', numel(rows{i, 4}), 'num_train_images', 1300 * isempty(rows{i, 4}));
end
save -v7 octave/imagenet/data/meta.mat synsets

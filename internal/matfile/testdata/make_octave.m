% Makes octave.mat, octave-v6.mat and octave-logical.mat, octave-logical-v6.mat by GNU Octave 7.3 (octave --no-gui make_octave.m).
% make_structs.py then writes what SciPy reads in the first two. The others hold sparse logical arrays, which Octave saves as arrays of
% uint8 with the values of sparse ones: neither SciPy nor Octave itself reads them back.
numbers = [0 1.5 0 0; 0 0 0 -2; 3 0 0 4];
number_sparse = sparse(numbers);
empty_sparse = sparse(3, 2);
yes = [true false true];
range = 1:5;
small = single([0.5 -0.25 1e30]);
i8 = int8([-128 0 127]); u8 = uint8([0 255]); i16 = int16([-32768 32767]); u16 = uint16([0 65535]);
i32 = int32([intmin("int32") intmax("int32")]); u32 = uint32([0 intmax("uint32")]);
i64 = int64([intmin("int64") intmax("int64")]); u64 = uint64([0 intmax("uint64")]);
text = "grily+bear";
rows = ["one  "; "three"];
names = {"001.Black_footed_Albatross"; "grily+bear"; ""};
nested = {names, {1, "a"}};
s.features = reshape(1:12, 3, 4) / 7;
s.labels = uint8([1; 2; 2; 3]);
s.image_files = {"a/1.jpg"; "a/2.jpg"; "b/1.jpg"; "c/1.jpg"};
s.attributes = number_sparse;
s.deep.er.x = int64([1 2 3]);
many = struct("x", {1, 2, 3});
z = [1+2i 3];
empty = [];
clear numbers
save("-v7", "octave.mat");
save("-v6", "octave-v6.mat");
some = number_sparse != 0;
one = number_sparse == 4;
all_of_them = sparse(true(2, 3));
t.some = some;
save("-v7", "octave-logical.mat", "some", "one", "all_of_them", "t");
save("-v6", "octave-logical-v6.mat", "some", "one", "all_of_them", "t");

% Writes files of every kind of value that GNU Octave gives, like make_kinds.py (octave --no-gui make_octave.m, here; version 7.3).
n = reshape(0:20, 3, 7); % a column per image
f = (n - 4) / 2; i = n - 4; b = mod(n, 2) == 1;
labels = [1; 2; 3; 1; 2; 3; 1];
names = {"ant", "bee", "cat"};
image_files = cell(7, 1);
for k = 1:7
  image_files{k} = sprintf("%s/%d.jpg", names{labels(k)}, k - 1);
end
kinds = {"double-f", f; "single-f", single(f); "int8-i", int8(i); "int16-i", int16(i); "int32-i", int32(i); "int64-i", int64(i); ...
         "uint8-u", uint8(n); "uint64-u", uint64(n); "logical-b", b; "sparse-f", sparse(f); "sparse_logical-b", sparse(b); "complex", f + 1i};
for k = 1:rows(kinds)
  features = kinds{k, 2};
  save("-v7", ["octave_" kinds{k, 1} ".mat"], "features", "labels", "image_files");
end
features = f;
save("-v6", "octave_v6_double-f.mat", "features", "labels", "image_files");
save("-text", "octave_text.mat", "features", "labels", "image_files");
save("-binary", "octave_binary.mat", "features", "labels", "image_files");
save("-hdf5", "octave_hdf5.mat", "features", "labels", "image_files");
save("-v4", "octave_v4.mat", "features", "labels");
data.features = single(f); data.labels = labels; data.image_files = image_files;
save("-v7", "octave_struct-f.mat", "data");
data = struct("features", {f, f});
save("-v7", "octave_structs.mat", "data");

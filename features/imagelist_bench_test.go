package features

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkImageList writes and reads the list of ImageNet's images as a plan has it: as files of a folder, in 1,282 tar files, and as
// files of a bucket, whose versions are their MD5.
func BenchmarkImageList(b *testing.B) {
	const n = 1_281_167
	rng := rand.New(rand.NewPCG(1, 2))
	plain := &ImageList{Unusable: map[string]string{}}
	for c := range 1000 {
		plain.Classes = append(plain.Classes, Class{Name: fmt.Sprintf("n%08d", 1440764+c*13)})
	}
	for i := range n {
		c := i * 1000 / n
		plain.Images = append(plain.Images, Image{Path: fmt.Sprintf("%s/%[1]s_%d.JPEG", plain.Classes[c].Name, i%1300*31), Class: c})
	}
	tars, bucket := *plain, *plain
	at := make([]int64, 1282)
	for f := range at {
		tars.Files = append(tars.Files, ListFile{fmt.Sprintf("s3://bucket/imagenet/train-%06d.tar", f), 110 << 20, fmt.Sprintf("%032x", rng.Uint64()), true})
	}
	bucket.Files = []ListFile{{Address: "s3://bucket/imagenet/", Bytes: -1}}
	for range n {
		f, size := rng.IntN(len(at)), int64(rng.NormFloat64()*40_000+110_000)
		size = max(size, 5_000)
		tars.Places = append(tars.Places, ListPlace{File: f, At: at[f] + 512, Bytes: size})
		at[f] += (size + 512 + 1535) / 512 * 512
		bucket.Places = append(bucket.Places, ListPlace{Bytes: size, Version: fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64())})
	}
	for _, c := range []struct {
		name string
		list *ImageList
	}{{"folder", plain}, {"tar", &tars}, {"bucket", &bucket}} {
		path := filepath.Join(b.TempDir(), "list.parquet")
		b.Run(c.name+"/write", func(b *testing.B) {
			for b.Loop() {
				if err := WriteImageList(path, c.list); err != nil {
					b.Fatal(err)
				}
			}
			if st, err := os.Stat(path); err == nil {
				b.ReportMetric(float64(st.Size())/1e6, "MB")
			}
		})
		b.Run(c.name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if l, err := ReadImageList(path); err != nil || len(l.Images) != n {
					b.Fatal(err)
				}
			}
		})
	}
}

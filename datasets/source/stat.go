package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Stat is what is known of an image without reading it.
func (s *set) Stat(image int) (bytes, version int64, err error) {
	p := s.places[image]
	if d := s.direct(p.file); d != nil {
		return d.stat(p)
	}
	return p.size, s.files[p.file].version(), nil
}

// SHA256 reads an image for its checksum. Of a file that is read from front to end all images are read at the first call.
func (s *set) SHA256(ctx context.Context, image int) (string, error) {
	p := s.places[image]
	if d := s.direct(p.file); d != nil {
		got, err := d.picture(ctx, p, nil)
		if err == nil && got.Skip != "" {
			err = errors.New(got.Skip)
		}
		return sum(got.Data), err
	}
	s.hashing.Lock()
	defer s.hashing.Unlock()
	if s.sums[p.file] == nil {
		sums, err := s.sumsOf(ctx, p.file)
		if err != nil {
			return "", err
		}
		if s.sums == nil {
			s.sums = map[int]map[int64]string{}
		}
		s.sums[p.file] = sums
	}
	if sum := s.sums[p.file][p.at]; sum != "" {
		return sum, nil
	}
	return "", fmt.Errorf("%s: one of its images cannot be read", s.files[p.file].url())
}

func (s *set) sumsOf(ctx context.Context, f int) (map[int64]string, error) {
	var at []int64
	for _, p := range s.places {
		if p.file == f {
			at = append(at, p.at)
		}
	}
	slices.Sort(at)
	sums := make(map[int64]string, len(at))
	err := s.holds[f].read(ctx, at, func(at int64, data []byte, skip string) error {
		if skip == "" {
			sums[at] = sum(data)
		}
		return nil
	})
	if errors.As(err, new(*damagedError)) {
		err = nil // the others are computed again, and skipped
	}
	return sums, err
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

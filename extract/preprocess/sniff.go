package preprocess

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// format is an image format that is read.
type format string

const (
	formatNone format = ""
	formatJPEG format = "JPEG"
	formatPNG  format = "PNG"
	formatGIF  format = "GIF"
	formatBMP  format = "BMP"
	formatWebP format = "WebP"
	formatTIFF format = "TIFF"
)

func sniff(b []byte) format {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8")):
		return formatJPEG
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return formatPNG
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return formatGIF
	case len(b) >= 18 && string(b[:2]) == "BM" && b[15] == 0 && b[16] == 0 && b[17] == 0:
		return formatBMP
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return formatWebP
	case bytes.HasPrefix(b, []byte("II*\x00")), bytes.HasPrefix(b, []byte("MM\x00*")):
		return formatTIFF
	}
	return formatNone
}

// others are formats that are not read, by what stands at an offset.
var others = []struct {
	at    int
	magic string
	name  string
}{
	{0, "II+\x00", "a BigTIFF image"},
	{0, "MM\x00+", "a BigTIFF image"},
	{4, "ftypavif", "an AVIF image"},
	{4, "ftypheic", "a HEIC image"},
	{4, "ftypheix", "a HEIC image"},
	{4, "ftyphevc", "a HEIC image"},
	{4, "ftypavis", "an AVIF image"},
	{4, "ftypmif1", "a HEIF image"},
	{4, "ftypmsf1", "a HEIF image"},
	{4, "ftyp", "a video or MP4 file"},
	{4, "jP  \r\n\x87\n", "a JPEG 2000 image"},
	{0, "\xff\x4f\xff\x51", "a JPEG 2000 image"},
	{0, "\xff\x0a", "a JPEG XL image"},
	{4, "JXL \r\n\x87\n", "a JPEG XL image"},
	{0, "8BPS", "a Photoshop file"},
	{0, "\x00\x00\x01\x00", "an icon file"},
	{0, "%PDF-", "a PDF document"},
	{0, "PK\x03\x04", "a ZIP archive"},
	{0, "\x1f\x8b", "a gzip file"},
	{0, "Rar!", "a RAR archive"},
	{0, "7z\xbc\xaf", "a 7-Zip archive"},
	{0, "BZh", "a bzip2 file"},
	{0, "\x28\xb5\x2f\xfd", "a zstd file"},
	{257, "ustar", "a tar archive"},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file"},
	{0, "\x93NUMPY", "a NumPy array"},
	{0, "PAR1", "a Parquet file"},
	{0, "MATLAB 5.0", "a MATLAB file"},
	{0, "\x00\x05\x16\x07", "a macOS AppleDouble file, not the image itself"},
	{0, "version https://git-lfs", "a Git LFS pointer, not the image itself"},
}

// notAnImage says what a file looks like that no decoder takes.
func notAnImage(b []byte) error {
	if len(b) == 0 {
		return errors.New("the file is empty (0 bytes)")
	}
	for _, o := range others {
		if len(b) >= o.at+len(o.magic) && string(b[o.at:o.at+len(o.magic)]) == o.magic {
			if strings.HasSuffix(o.name, "image") {
				return fmt.Errorf("looks like %s, which is not supported: convert it to JPEG or PNG (ImageMagick does: magick FILE FILE.png)", o.name)
			}
			return fmt.Errorf("not an image: looks like %s", o.name)
		}
	}
	head := b[:min(len(b), 512)]
	if len(bytes.Trim(head, "\x00")) == 0 {
		return errors.New("not an image: the file begins with zero bytes only (a failed copy?)")
	}
	if text, ok := asText(head, len(head) < len(b)); ok {
		low := strings.ToLower(text)
		switch {
		case strings.HasPrefix(low, "<!doctype html"), strings.HasPrefix(low, "<html"):
			return errors.New("not an image: looks like an HTML page (a failed download?)")
		case strings.Contains(low, "<svg"):
			return errors.New("looks like an SVG drawing, which is not supported: convert it to JPEG or PNG")
		case strings.HasPrefix(low, "<?xml"):
			return errors.New("not an image: looks like an XML file")
		case text == "":
			return errors.New("not an image: looks like a text file (only blanks)")
		}
		line, _, _ := strings.Cut(text, "\n")
		if r := []rune(line); len(r) > 40 {
			line = string(r[:40]) + "..."
		}
		return fmt.Errorf("not an image: looks like a text file (begins %q)", strings.TrimSpace(line))
	}
	return fmt.Errorf("not an image of a known format (begins with bytes % x)", b[:min(len(b), 8)])
}

// asText returns the trimmed text if b is UTF-8 without control characters; cut
// tells that the file continues after b.
func asText(b []byte, cut bool) (string, bool) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			if cut && len(b)-i < utf8.UTFMax {
				b = b[:i]
				break
			}
			return "", false
		}
		if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' && r != '\f' {
			return "", false
		}
		i += n
	}
	return strings.TrimSpace(string(b)), true
}

package load

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

const lfsMark = "version https://git-lfs.github.com/spec/"

// sniff recognises what is often found where a network should be and says what to do; "" for
// anything that may be ONNX.
func sniff(b []byte) string {
	head := b[:min(len(b), 512)]
	text := bytes.TrimLeft(head, "\ufeff \t\r\n")
	lower := bytes.ToLower(text)
	switch {
	case len(b) == 0:
		return "is empty: the download or export failed; get the file again"
	case bytes.HasPrefix(head, []byte(lfsMark)):
		return "is a git-LFS pointer, not the network itself: run `git lfs pull` in that repository or download the file from its page"
	case bytes.HasPrefix(lower, []byte("<!doctype")), bytes.HasPrefix(lower, []byte("<html")), bytes.HasPrefix(lower, []byte("<?xml")), bytes.HasPrefix(lower, []byte("<head")):
		return "is a web page, not a network: the download link led to a page; get the file itself"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return "is a ZIP archive (PyTorch's .pt and .pth files are, too), not ONNX: unpack it, or export the network to ONNX"
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "is compressed by gzip: unpack it first"
	case bytes.HasPrefix(head, []byte("\x89HDF\r\n")):
		return "is an HDF5 file (Keras weights), not ONNX: convert it with tf2onnx"
	case bytes.HasPrefix(head, []byte("\x80\x02")), bytes.HasPrefix(head, []byte("\x80\x04")):
		return "is a Python pickle, not ONNX: export the network to ONNX"
	}
	for i := 0; i < len(head); {
		r, k := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && k == 1 && len(head)-i >= utf8.UTFMax || !unicode.IsPrint(r) && !unicode.IsSpace(r) && r != utf8.RuneError {
			return ""
		}
		i += k
	}
	return fmt.Sprintf("is a text file beginning %.40q, not a network", text)
}

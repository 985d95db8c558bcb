package download

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// head interprets the response's header: how many bytes the file has (0: unknown), and whether the part already has them all.
func (d *fetching) head(resp *http.Response) (total int64, whole bool, err error) {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		if d.have > 0 {
			d.o.Log.Info("the server does not resume the download: starting over", "lost", Bytes(d.have))
		}
		d.have, total = 0, max(0, resp.ContentLength)
	case code == http.StatusPartialContent:
		from, n, ok := contentRange(resp.Header.Get("Content-Range"))
		if !ok || from != d.have {
			d.drop()
			return 0, false, fmt.Errorf("the server answered with Content-Range %q, not the requested range", resp.Header.Get("Content-Range"))
		}
		if etag := resp.Header.Get("ETag"); d.state.ETag != "" && etag != "" && etag != d.state.ETag {
			d.drop()
			return 0, false, errors.New("the file has changed on the server: starting over")
		}
		total = n
	case code == http.StatusRequestedRangeNotSatisfiable:
		_, n, ok := contentRange(resp.Header.Get("Content-Range"))
		if ok && n == d.have && (d.f.Size == 0 || n == d.f.Size) {
			return n, true, nil
		}
		d.drop() // the part is longer than the file: it belongs to another one
		return 0, false, errors.New("the partial file of an earlier download does not match: starting over")
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		return 0, false, fmt.Errorf("the server answered %s", resp.Status)
	default:
		return 0, false, final("the server answered %s", resp.Status)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return 0, false, final("the server sends a web page, not the file: it may want a log-in or a click")
	}
	if d.f.Size > 0 && total > 0 && total != d.f.Size {
		return 0, false, final("the server offers %d bytes, the published file has %d: it is another file", total, d.f.Size)
	}
	if total == 0 {
		total = d.f.Size
	}
	return total, false, nil
}

// contentRange reads "bytes 5-9/10" or "bytes */10".
func contentRange(s string) (from, total int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	if !ok {
		return 0, 0, false
	}
	span, size, ok := strings.Cut(s, "/")
	if !ok {
		return 0, 0, false
	}
	if size != "*" {
		var err error
		if total, err = strconv.ParseInt(size, 10, 64); err != nil || total < 0 {
			return 0, 0, false
		}
	}
	if span == "*" {
		return 0, total, size != "*"
	}
	first, last, ok := strings.Cut(span, "-")
	if !ok {
		return 0, 0, false
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	return from, total, err1 == nil && err2 == nil && from >= 0 && to >= from && (total == 0 || to < total)
}

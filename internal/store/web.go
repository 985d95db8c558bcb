package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"time"
)

// web reads from web servers; keys are whole addresses.
type web struct{}

// client limits the time until a server replies, not the time to read the body.
var client = &http.Client{Transport: func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	t.MaxIdleConnsPerHost = 32
	t.DisableCompression = true
	return t
}()}

// StatusError is an error status of a server.
type StatusError struct {
	URL     string
	Status  int
	Message string // "": no reason given
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: the server answered %d %s", e.URL, e.Status, cmp.Or(e.Message, http.StatusText(e.Status)))
}

// Is makes it match the errors of files.
func (e *StatusError) Is(target error) bool {
	switch e.Status {
	case http.StatusNotFound, http.StatusGone:
		return target == fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == fs.ErrPermission
	}
	return false
}

func (web) URL(key string) string { return key }

func (web) do(ctx context.Context, method, key string, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, key, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		_ = res.Body.Close()
		if res.StatusCode == http.StatusPreconditionFailed {
			return nil, &ChangedError{key}
		}
		return nil, &StatusError{URL: key, Status: res.StatusCode}
	}
	return res, nil
}

func (w web) Stat(ctx context.Context, key string) (Info, error) {
	var in Info
	err := again(ctx, func() error {
		res, err := w.do(ctx, http.MethodHead, key, nil)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		in = Info{Key: key, Size: res.ContentLength, Version: res.Header.Get("ETag"), Ranges: res.Header.Get("Accept-Ranges") == "bytes" && res.ContentLength >= 0}
		in.Modified, _ = http.ParseTime(res.Header.Get("Last-Modified"))
		return nil
	})
	return in, err
}

func (w web) Read(ctx context.Context, key, version string, offset, length int64) (io.ReadCloser, error) {
	return resume(ctx, w.URL(key), offset, length, func(offset, length int64) (io.ReadCloser, int64, error) {
		header := map[string]string{}
		if offset > 0 || length >= 0 {
			header["Range"] = byteRange(offset, length)
		}
		if version != "" {
			header["If-Match"] = version
		}
		res, err := w.do(ctx, http.MethodGet, key, header)
		if err != nil {
			return nil, 0, err
		}
		if version != "" && res.Header.Get("ETag") != version { // a server without If-Match
			_ = res.Body.Close()
			return nil, 0, &ChangedError{key}
		}
		if _, asked := header["Range"]; asked && res.StatusCode != http.StatusPartialContent {
			if _, err := io.CopyN(io.Discard, res.Body, offset); err != nil {
				_ = res.Body.Close()
				return nil, 0, err
			}
			if length < 0 {
				return res.Body, res.ContentLength - offset, nil
			}
			return struct {
				io.Reader
				io.Closer
			}{io.LimitReader(res.Body, length), res.Body}, length, nil
		}
		return res.Body, res.ContentLength, nil
	})
}

func (web) List(context.Context, string) ([]Info, error) {
	return nil, errors.New("the files of a web server cannot be listed: name them, for example part-{000..009}.tar for several")
}

func byteRange(offset, length int64) string {
	r := "bytes=" + strconv.FormatInt(offset, 10) + "-"
	if length >= 0 {
		r += strconv.FormatInt(offset+length-1, 10)
	}
	return r
}

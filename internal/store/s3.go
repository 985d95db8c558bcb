package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// bucket is an S3 bucket.
type bucket struct {
	name string
	c    *minio.Client
}

// openS3 connects to a bucket as the environment says: endpoint (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL), region (AWS_REGION,
// AWS_DEFAULT_REGION), credentials (AWS_ACCESS_KEY_ID and so on, ~/.aws/credentials and AWS_PROFILE, the role of machine, container or
// Kubernetes account). Without any requests are not signed, which public buckets allow.
func openS3(name, endpoint string) (*bucket, error) {
	if err := s3utils.CheckValidBucketName(name); err != nil {
		return nil, fmt.Errorf("s3://%s: %w", name, err)
	}
	endpoint = cmp.Or(endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), "https://s3.amazonaws.com")
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("the S3 endpoint %s is not the address of a server; give https://HOST or http://HOST:PORT", endpoint)
	}
	chain := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	if os.Getenv("AWS_EC2_METADATA_DISABLED") != "true" && (u.Host == "s3.amazonaws.com" || strings.HasSuffix(u.Host, ".amazonaws.com")) {
		chain = append(chain, &credentials.IAM{Client: &http.Client{Transport: client.Transport}})
	}
	c, err := minio.New(u.Host, &minio.Options{
		Secure:     u.Scheme == "https",
		Creds:      credentials.NewChainCredentials(chain),
		Region:     cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
		Transport:  client.Transport,
		MaxRetries: 1, // again retries, also reads that have begun
	})
	if err != nil {
		return nil, fmt.Errorf("the S3 endpoint %s: %w", endpoint, err)
	}
	return &bucket{name: name, c: c}, nil
}

func (b *bucket) URL(key string) string { return "s3://" + b.name + "/" + key }

// worded gives an error of the server the meaning that the errors of files have.
func (b *bucket) worded(key string, err error) error {
	var said minio.ErrorResponse
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &said):
		return fmt.Errorf("%s: %w", b.URL(key), err)
	case said.Code == minio.PreconditionFailed, said.StatusCode == http.StatusPreconditionFailed, said.StatusCode == http.StatusConflict:
		return &ChangedError{b.URL(key)}
	case said.Code == minio.NoSuchBucket:
		return fmt.Errorf("%s: bucket %s not found: %w", b.URL(key), b.name, fs.ErrNotExist)
	case said.Code == "SlowDown", said.Code == "SlowDownRead", said.Code == "SlowDownWrite":
		return &StatusError{b.URL(key), http.StatusServiceUnavailable, said.Message}
	case said.StatusCode >= 300:
		return &StatusError{b.URL(key), said.StatusCode, said.Message}
	}
	return fmt.Errorf("%s: %w", b.URL(key), err)
}

func info(o minio.ObjectInfo) Info {
	return Info{Key: o.Key, Size: o.Size, Version: o.ETag, Modified: o.LastModified, Ranges: true}
}

func (b *bucket) Stat(ctx context.Context, key string) (in Info, err error) {
	err = again(ctx, func() error {
		o, err := b.c.StatObject(ctx, b.name, key, minio.StatObjectOptions{})
		in = info(o)
		in.Key = key
		return b.worded(key, err)
	})
	return in, err
}

func (b *bucket) Read(ctx context.Context, key, version string, offset, length int64) (io.ReadCloser, error) {
	return resume(ctx, b.URL(key), offset, length, func(offset, length int64) (io.ReadCloser, int64, error) {
		var o minio.GetObjectOptions
		if offset > 0 || length >= 0 {
			o.Set("Range", byteRange(offset, length))
		}
		if version != "" {
			if err := o.SetMatchETag(version); err != nil {
				return nil, 0, err
			}
		}
		body, in, _, err := (&minio.Core{Client: b.c}).GetObject(ctx, b.name, key, o)
		if err != nil {
			return nil, 0, b.worded(key, err)
		}
		if version != "" && in.ETag != version { // a server without If-Match
			_ = body.Close()
			return nil, 0, &ChangedError{b.URL(key)}
		}
		return body, in.Size, nil
	})
}

func (b *bucket) List(ctx context.Context, prefix string) (all []Info, err error) {
	err = again(ctx, func() error {
		all = nil
		ctx, stop := context.WithCancel(ctx) // ends the listing after an error
		defer stop()
		for o := range b.c.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
			if o.Err != nil {
				return b.worded(prefix, o.Err)
			}
			all = append(all, info(o))
		}
		return nil
	})
	return all, err
}

// Create asks the server to create the file only if there is none (If-None-Match). A try whose reply was lost may have created it:
// an existing file is therefore compared.
func (b *bucket) Create(ctx context.Context, key string, data []byte) error {
	return b.put(ctx, key, data, true)
}

func (b *bucket) Put(ctx context.Context, key string, data []byte) error {
	return b.put(ctx, key, data, false)
}

func (b *bucket) put(ctx context.Context, key string, data []byte, create bool) error {
	return again(ctx, func() error {
		o := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true, SendContentMd5: true}
		if create {
			o.SetMatchETagExcept("*")
		}
		_, err := b.c.PutObject(ctx, b.name, key, bytes.NewReader(data), int64(len(data)), o)
		if err = b.worded(key, err); create && errors.As(err, new(*ChangedError)) {
			return &fs.PathError{Op: "create", Path: b.URL(key), Err: fs.ErrExist}
		}
		return err
	})
}

func (b *bucket) Remove(ctx context.Context, key string) error {
	return again(ctx, func() error {
		return b.worded(key, b.c.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{}))
	})
}

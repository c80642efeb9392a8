package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A Dir is a backend.Backend that keeps each value in a file of a directory, so that values outlive the
// process. It begins each file with the time at which the value expires, in milliseconds of Unix time, 0 for never. An expired
// file stays until its key is set again or deleted.
type Dir string

// Get implements backend.Backend.
func (d Dir) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	data, err := os.ReadFile(d.file(key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case len(data) < 8:
		return nil, false, fmt.Errorf("dir: file of %q is damaged", key)
	}
	expires := int64(binary.BigEndian.Uint64(data))
	if expires != 0 && time.Now().UnixMilli() >= expires {
		return nil, false, nil
	}
	return data[8:], true, nil
}

// Set implements backend.Backend. A file takes its name when it is complete: no reader sees a part of one.
func (d Dir) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	var expires int64
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ttl < 0:
		return fmt.Errorf("dir: set %q: negative ttl %v", key, ttl)
	case ttl > 0:
		expires = time.Now().Add(ttl).UnixMilli() + 1
	}
	f, err := os.CreateTemp(string(d), "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(binary.BigEndian.AppendUint64(nil, uint64(expires)), value...))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), d.file(key))
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// Delete implements backend.Backend.
func (d Dir) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := os.Remove(d.file(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// file returns the name of the file of a key, which may be of any length and have any bytes in it.
func (d Dir) file(key string) string {
	return filepath.Join(string(d), fmt.Sprintf("%x", sha256.Sum256([]byte(key))))
}

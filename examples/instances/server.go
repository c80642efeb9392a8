package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"

	"github.com/tiercache/tiercache"
)

// A server answers from the cache, and writes to the source and then tells the cache.
type server struct {
	notes  *tiercache.Cache[string]
	source *os.Root
}

func newServer(notes *tiercache.Cache[string], source *os.Root) http.Handler {
	s := &server{notes, source}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes/{name}", s.get)
	mux.HandleFunc("PUT /notes/{name}", s.put)
	mux.HandleFunc("GET /stats", s.stats)
	return mux
}

// load is the tiercache.Loader of notes.
func (s *server) load(_ context.Context, name string) (string, error) {
	log.Printf("reading note %q from the source", name)
	text, err := s.source.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", tiercache.ErrNotFound
	}
	return string(text), err
}

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	text, err := s.notes.GetOrLoad(r.Context(), r.PathValue("name"), s.load)
	switch {
	case errors.Is(err, tiercache.ErrNotFound):
		http.NotFound(w, r)
	case err != nil:
		fail(w, err)
	default:
		_, _ = io.WriteString(w, text+"\n") // a client that has gone needs no answer
	}
}

func (s *server) put(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		fail(w, err)
		return
	}
	if err := s.source.WriteFile(name, text, 0o644); err != nil {
		fail(w, err)
		return
	}
	if err := s.notes.Delete(r.Context(), name); err != nil { // after the write, or a load could bring the old note back
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *server) stats(w http.ResponseWriter, _ *http.Request) {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(s.notes.Stats()) // a client that has gone needs no answer
}

func fail(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

//go:build engine

package tests

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	auth "github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/pkg/jsonmessage"
	"github.com/opencontainers/go-digest"
	"gotest.tools/v3/assert"
)

// registry is an image registry of a test's own, in memory and on the loopback, where engines speak plain HTTP.
type registry struct {
	t              testing.TB
	port           int
	user, password string // where set, nobody else gets in
	server         *httptest.Server

	mu        sync.Mutex
	blobs     map[string][]byte   // by digest
	uploads   map[string][]byte   // what has arrived of a blob, by upload
	manifests map[string]manifest // by name:tag and name:digest
	cut       bool                // every connection over which a layer goes breaks in the middle
	broken    int                 // how many did
	requests  []string            // every request for a manifest that is no push
}

type manifest struct {
	kind    string
	content []byte
}

// newRegistry opens a registry. Its images on the engine are taken away at the end.
func newRegistry(t testing.TB) *registry {
	t.Helper()
	r := &registry{
		t: t, port: freePort(t), blobs: map[string][]byte{}, uploads: map[string][]byte{}, manifests: map[string]manifest{},
	}
	r.open()
	t.Cleanup(func() {
		r.close()
		for _, id := range r.local() {
			_, err := docker.ImageRemove(context.Background(), id, image.RemoveOptions{Force: true, PruneChildren: true})
			assert.Check(t, err == nil, "remove image %s: %v", id, err)
		}
	})
	return r
}

// open serves again what the registry has, under the same address.
func (r *registry) open() {
	r.t.Helper()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
	assert.NilError(r.t, err)
	r.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: r.handler(), ReadHeaderTimeout: time.Minute}}
	r.server.Start()
}

func (r *registry) close() {
	r.server.CloseClientConnections()
	r.server.Close()
}

// host is the registry as an image's name has it.
func (r *registry) host() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// image is the full name of an image of this registry.
func (r *registry) image(name string) string { return r.host() + "/" + name }

// local is the IDs of this registry's images that the engine has, those included whose tag went to another.
func (r *registry) local() []string {
	r.t.Helper()
	list, err := docker.ImageList(context.Background(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", r.image("*")))})
	assert.Check(r.t, err == nil, "%v", err)
	var ids []string
	for _, i := range list {
		ids = append(ids, i.ID)
	}
	return ids
}

// publish makes an image of the demo application with a layer of its own and pushes it. The engine keeps nothing of
// it, and of an older image of this name what it had. It returns the image's full name.
func (r *registry) publish(name string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	made, err := docker.ContainerCreate(ctx, &container.Config{Image: demo}, nil, nil, nil, "")
	assert.NilError(r.t, err)
	defer func() {
		assert.Check(r.t, docker.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true}) == nil)
	}()
	assert.NilError(r.t, docker.CopyToContainer(ctx, made.ID, "/", noise(r.t), container.CopyToContainerOptions{}))
	passing := fmt.Sprintf("passing:v%d", rand.Uint64())
	full := r.image(passing)
	_, err = docker.ContainerCommit(ctx, made.ID, container.CommitOptions{Reference: full})
	assert.NilError(r.t, err)
	credentials, err := auth.EncodeAuthConfig(auth.AuthConfig{Username: r.user, Password: r.password})
	assert.NilError(r.t, err)
	pushed, err := docker.ImagePush(ctx, full, image.PushOptions{RegistryAuth: credentials})
	assert.NilError(r.t, err)
	defer pushed.Close()
	assert.NilError(r.t, jsonmessage.DisplayJSONMessagesStream(pushed, io.Discard, 0, false, nil))
	_, err = docker.ImageRemove(ctx, full, image.RemoveOptions{PruneChildren: true})
	assert.NilError(r.t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = nil
	arrived := r.manifests[passing]
	repository, _, _ := strings.Cut(name, ":")
	r.manifests[name], r.manifests[repository+":"+digest.FromBytes(arrived.content).String()] = arrived, arrived
	return r.image(name)
}

// noise is an archive with one file that no two images share and that cannot be packed smaller.
func noise(t testing.TB) io.Reader {
	t.Helper()
	content := make([]byte, 2<<20)
	source := rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%032d", rand.Uint64())))
	_, err := source.Read(content)
	assert.NilError(t, err)
	var archive bytes.Buffer
	to := tar.NewWriter(&archive)
	assert.NilError(t, to.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "noise", Mode: 0o644, Size: int64(len(content))}))
	_, err = to.Write(content)
	assert.NilError(t, err)
	assert.NilError(t, to.Close())
	return &archive
}

// asked is which manifests were asked for since the last time.
func (r *registry) asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.requests
	r.requests = nil
	return asked
}

// failing breaks the connections over which layers go, or no longer.
func (r *registry) failing(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut, r.broken = yes, 0
}

// breaks is how many connections broke since failing was asked for.
func (r *registry) breaks() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.broken
}

// handler speaks the part of the distribution specification that an engine needs to push and to pull.
func (r *registry) handler() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /v2/{$}", func(http.ResponseWriter, *http.Request) {})
	routes.HandleFunc("GET /v2/{name}/blobs/{digest}", r.readBlob)
	routes.HandleFunc("POST /v2/{name}/blobs/uploads/{$}", r.beginBlob)
	routes.HandleFunc("PATCH /v2/{name}/blobs/uploads/{upload}", r.writeBlob)
	routes.HandleFunc("PUT /v2/{name}/blobs/uploads/{upload}", r.writeBlob)
	routes.HandleFunc("GET /v2/{name}/manifests/{reference}", r.readManifest)
	routes.HandleFunc("PUT /v2/{name}/manifests/{reference}", r.writeManifest)
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		if user, password, _ := q.BasicAuth(); user != r.user || password != r.password {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
			return
		}
		routes.ServeHTTP(w, q)
	})
}

// refuse answers with an error as the specification has it.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}

func (r *registry) readBlob(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	blob, there := r.blobs[q.PathValue("digest")]
	cut := r.cut && q.Method == http.MethodGet && len(blob) > 1<<20
	if cut {
		r.broken++
	}
	r.mu.Unlock()
	if !there {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", q.PathValue("digest"))
	if cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
		_, _ = w.Write(blob[:len(blob)/2])
		panic(http.ErrAbortHandler) // the server's own way to break a connection
	}
	http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(blob))
}

func (r *registry) beginBlob(w http.ResponseWriter, q *http.Request) {
	upload := fmt.Sprint(rand.Uint64())
	w.Header().Set("Location", fmt.Sprintf("/v2/%s/blobs/uploads/%s", q.PathValue("name"), upload))
	w.Header().Set("Docker-Upload-UUID", upload)
	w.WriteHeader(http.StatusAccepted)
}

// writeBlob takes a further part of a blob; the last one comes with the digest of the whole.
func (r *registry) writeBlob(w http.ResponseWriter, q *http.Request) {
	part, err := io.ReadAll(q.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "BLOB_UPLOAD_INVALID", err.Error())
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	upload := q.PathValue("upload")
	r.uploads[upload] = append(r.uploads[upload], part...)
	if q.Method == http.MethodPatch {
		w.Header().Set("Location", q.URL.Path)
		w.Header().Set("Range", fmt.Sprintf("0-%d", len(r.uploads[upload])-1))
		w.WriteHeader(http.StatusAccepted)
		return
	}
	whole := digest.FromBytes(r.uploads[upload]).String()
	if whole != q.URL.Query().Get("digest") {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "the content is "+whole)
		return
	}
	r.blobs[whole] = r.uploads[upload]
	delete(r.uploads, upload)
	w.Header().Set("Docker-Content-Digest", whole)
	w.WriteHeader(http.StatusCreated)
}

func (r *registry) readManifest(w http.ResponseWriter, q *http.Request) {
	name := q.PathValue("name") + ":" + q.PathValue("reference")
	r.mu.Lock()
	found, there := r.manifests[name]
	r.requests = append(r.requests, name)
	r.mu.Unlock()
	if !there {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Content-Type", found.kind)
	w.Header().Set("Docker-Content-Digest", digest.FromBytes(found.content).String())
	http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(found.content))
}

func (r *registry) writeManifest(w http.ResponseWriter, q *http.Request) {
	content, err := io.ReadAll(q.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", err.Error())
		return
	}
	whole := digest.FromBytes(content).String()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, reference := range []string{q.PathValue("reference"), whole} {
		r.manifests[q.PathValue("name")+":"+reference] = manifest{q.Header.Get("Content-Type"), content}
	}
	w.Header().Set("Docker-Content-Digest", whole)
	w.WriteHeader(http.StatusCreated)
}

package cron

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/x509roots/fallback/bundle"
	"gotest.tools/v3/assert"
)

var anEnd = End{Project: "shop", Record: Record{Job: "tidy", Run: "shop-tidy-1", Scheduled: start, Status: Failed, Reason: "exited 3"}}

// Where the system trusts nobody, as in the sidecar's container, the public authorities are trusted, and nobody else.
func TestRootsWhereTheSystemHasNone(t *testing.T) {
	const inside = "HYPER_LITE_TEST_WITHOUT_ROOTS"
	if os.Getenv(inside) == "" { // the system's are read once a process
		none := filepath.Join(t.TempDir(), "none")
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), inside+"=1", "SSL_CERT_FILE="+none, "SSL_CERT_DIR="+none)
		out, err := again.CombinedOutput()
		assert.NilError(t, err, string(out))
		assert.Assert(t, strings.Contains(string(out), "--- PASS: "+t.Name()), string(out))
		return
	}
	system, err := x509.SystemCertPool()
	assert.NilError(t, err)
	assert.Assert(t, system.Equal(x509.NewCertPool()), "this process has the system's authorities: the test proves nothing")
	roots, err := Roots()
	assert.NilError(t, err)
	known := map[string]bool{
		"96bcec06264976f37460779acf28c5a7cfe8a3c0aae11a8ffcee05c0bddf08c6": false, // ISRG Root X1, of Let's Encrypt
		"cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f": false, // DigiCert Global Root G2
		"8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e": false, // Amazon Root CA 1
	}
	for root := range bundle.Roots() {
		sum := sha256.Sum256(root.Certificate)
		if _, ok := known[hex.EncodeToString(sum[:])]; !ok {
			continue
		}
		known[hex.EncodeToString(sum[:])] = true
		certificate, err := x509.ParseCertificate(root.Certificate)
		assert.NilError(t, err)
		_, err = certificate.Verify(x509.VerifyOptions{Roots: roots})
		assert.NilError(t, err)
	}
	for sum, found := range known {
		assert.Assert(t, found, "%s is not there", sum)
	}
	again, err := Roots()
	assert.NilError(t, err)
	assert.Assert(t, again.Equal(roots))

	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	err = Webhook{}.Post(t.Context(), anEnd, server.URL)
	assert.ErrorContains(t, err, "signed by unknown authority: only public certificate authorities are trusted")
	assert.Assert(t, errors.Is(err, ErrForGood))
}

func TestAWebhookByHTTPS(t *testing.T) {
	posts := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posts++ }))
	defer server.Close()
	own := x509.NewCertPool()
	own.AddCert(server.Certificate())
	trusting := Webhook{Roots: func() (*x509.CertPool, error) { return own, nil }}
	assert.NilError(t, trusting.Post(t.Context(), anEnd, server.URL+"/T0/B0/password"))
	assert.Equal(t, posts, 1)

	for name, w := range map[string]Webhook{"the system's": {}, "none": {Roots: func() (*x509.CertPool, error) { return x509.NewCertPool(), nil }}} {
		err := w.Post(t.Context(), anEnd, server.URL+"/T0/B0/password")
		assert.ErrorContains(t, err, "tell of the end of shop-tidy-1: post to "+server.URL+": ", name)
		assert.ErrorContains(t, err, "unknown authority", name)
		assert.Assert(t, !strings.Contains(err.Error(), "password"), err)
	}
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	err := trusting.Post(t.Context(), anEnd, named)
	assert.ErrorContains(t, err, "certificate is valid for")
	assert.Assert(t, errors.Is(err, ErrForGood))
	unread := Webhook{Roots: func() (*x509.CertPool, error) { return nil, errors.New("no room") }}
	assert.ErrorContains(t, unread.Post(t.Context(), anEnd, server.URL), "read the certificates that are trusted: no room")
	assert.Equal(t, posts, 1)
}

// What a webhook answers, and whether that is tried again.
func TestWhatAWebhookAnswers(t *testing.T) {
	var posted []string
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		var body strings.Builder
		_ = r.Write(&body)
		posted = append(posted, r.Method+" "+r.URL.Path)
		if strings.Contains(body.String(), `"Run":"shop-tidy-1"`) {
			posted[len(posted)-1] += " with the end"
		}
	})
	answer := func(path string, code int, location, says string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if location != "" {
				w.Header().Set("Location", location)
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte(says))
		})
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	answer("/moved", http.StatusFound, "/password", "")
	answer("/kept", http.StatusPermanentRedirect, "/there", "")
	answer("/round", http.StatusTemporaryRedirect, "/round", "")
	answer("/gone", http.StatusGone, "", "no_such_channel\nmore")
	answer("/slow", http.StatusTooManyRequests, "", "")
	answer("/broken", http.StatusBadGateway, "", strings.Repeat("x", 1000))
	secure := httptest.NewTLSServer(http.RedirectHandler(server.URL+"/plain", http.StatusTemporaryRedirect))
	defer secure.Close()
	own := x509.NewCertPool()
	own.AddCert(secure.Certificate())
	w := Webhook{Roots: func() (*x509.CertPool, error) { return own, nil }}

	for _, c := range []struct {
		url, says string
		forGood   bool
	}{
		{server.URL + "/moved", "the webhook answered 302 Found and sends to " + server.URL + ", which is not followed", true},
		{server.URL + "/kept", "", false},
		{server.URL + "/round", "answered 307 Temporary Redirect and sends to", true},
		{secure.URL, "answered 307 Temporary Redirect and sends to http://", true},
		{server.URL + "/gone", `the webhook answered 410 Gone: "no_such_channel"; it is not tried again`, true},
		{server.URL + "/slow", "the webhook answered 429 Too Many Requests", false},
		{server.URL + "/broken", `the webhook answered 502 Bad Gateway: "` + strings.Repeat("x", mostQuoted) + `"`, false},
		{"http://127.0.0.1:1/password", "post to http://127.0.0.1:1: ", false},
	} {
		err := w.Post(t.Context(), anEnd, c.url)
		if c.says == "" {
			assert.NilError(t, err)
			continue
		}
		assert.ErrorContains(t, err, c.says)
		assert.Equal(t, errors.Is(err, ErrForGood), c.forGood, "%v", err)
		assert.Assert(t, !strings.Contains(err.Error(), "password"), "%v", err)
	}
	assert.DeepEqual(t, posted, []string{"POST /there with the end"})
}

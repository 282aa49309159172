package compose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// pemPair makes a throw-away certificate and its key.
func pemPair(t *testing.T) (cert, key string) {
	t.Helper()
	return pemPairOf(t, x509.Certificate{NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a.example", "*.b.example"}})
}

func pemPairOf(t *testing.T, template x509.Certificate) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NilError(t, err)
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "test"}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	assert.NilError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	assert.NilError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

func TestCertificate(t *testing.T) {
	cert, key := pemPair(t)
	_, foreign := pemPair(t)
	encrypted := "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n"
	files := map[string]string{
		"encrypted.pem": cert + encrypted,
		"both.pem":      key + cert, "c.pem": cert, "k.pem": key, "other.pem": foreign,
		"sub/base.yaml": "services: {web: {ssl_cert: inner.pem}}", "sub/inner.pem": cert + key,
	}
	good := map[string]string{
		"one file":               "ssl_cert: both.pem",
		"two files":              "ssl_cert: {cert: c.pem, key: ./k.pem}",
		"a secret":               "ssl_cert: tls",
		"a secret of a variable": "ssl_cert: env",
		"secret and file":        "ssl_cert: {cert: c.pem, key: tlskey}",
		"of an extended file":    "extends: {file: sub/base.yaml, service: web}",
	}
	const secrets = "\nsecrets: {tls: {file: both.pem}, tlskey: {file: k.pem}, env: {environment: PEM}}"
	var digest string
	for name, keys := range good {
		t.Run(name, func(t *testing.T) {
			files["compose.yaml"] = "services: {web: {image: x, protocol: httpsTerm, " + keys + "}}" + secrets
			p := mustLoad(t, files, LoadOptions{Env: []string{"PEM=" + cert + key}})
			c := service(t, p, "web").Routes[0].Cert
			assert.Equal(t, c.Chain, cert)
			assert.Equal(t, c.Key, key)
			assert.Equal(t, len(c.Digest), 12)
			assert.Assert(t, digest == "" || digest == c.Digest)
			digest = c.Digest
		})
	}
	for keys, want := range map[string]string{
		"ssl_cert: {cert: c.pem, key: other.pem}": "private key does not match public key",
		"ssl_cert: c.pem":                         "has no key",
		"ssl_cert: k.pem":                         "has no certificate",
		"ssl_cert: {cert: c.pem}":                 "needs both cert and key",
		"ssl_cert: nowhere.pem":                   "there is no file",
		"ssl_cert: encrypted.pem":                 "the key in DIR/encrypted.pem is encrypted",
	} {
		t.Run(keys, func(t *testing.T) {
			files["compose.yaml"] = "services: {web: {image: x, protocol: httpsTerm, " + keys + "}}" + secrets
			said := mistakes(t, files, LoadOptions{Env: []string{"PEM=x"}})
			assert.Assert(t, is.Contains(said, want))
			assert.Assert(t, is.Contains(said, "compose.yaml:1:"))
			assert.Assert(t, is.Contains(said, "services.web.ssl_cert"))
		})
	}
}

// What clients will refuse is warned of, and served all the same.
func TestACertificateThatClientsRefuseIsWarnedOf(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		template x509.Certificate
		want     []string
	}{
		"good":     {x509.Certificate{NotAfter: now.Add(time.Hour), DNSNames: []string{"a.test", "*.b.test"}}, nil},
		"expired":  {x509.Certificate{NotAfter: now.Add(-time.Hour), DNSNames: []string{"a.test", "*.b.test"}}, []string{"expired on " + now.Add(-time.Hour).UTC().Format(time.DateOnly)}},
		"too soon": {x509.Certificate{NotBefore: now.Add(time.Hour), NotAfter: now.Add(2 * time.Hour), DNSNames: []string{"a.test", "*.b.test"}}, []string{"is valid from "}},
		"others":   {x509.Certificate{NotAfter: now.Add(time.Hour), DNSNames: []string{"a.test"}}, []string{"does not cover *.b.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			cert, key := pemPairOf(t, c.template)
			dir := write(t, map[string]string{
				"both.pem":     cert + key,
				"compose.yaml": "services: {web: {image: x, protocol: httpsTerm, hosts: [A.test, '*.b.test'], ssl_cert: both.pem}}",
			})
			_, warnings, err := Load(t.Context(), LoadOptions{WorkDir: dir})
			assert.NilError(t, err)
			assert.Equal(t, len(warnings), len(c.want), "%v", warnings)
			for i, want := range c.want {
				assert.Assert(t, is.Contains(warnings[i], "service web: the certificate of "+filepath.Join(dir, "both.pem")+" "+want))
			}
		})
	}
}

func TestHostsAndPathsLeaveNoRoomForTemplates(t *testing.T) {
	for host, want := range map[string]bool{
		"example.com": true, "*.example.com": true, "localhost": true, "a-b.c_d.x1": true, "127.0.0.1": true,
		"": false, "*": false, "a.*.b": false, "a b": false, "a`b": false, "{{.}}": false, "a/b": false, "a:80": false, "-a.b": false, "a..b": false,
		"a\nb": false, "a.b\n": false,
	} {
		assert.Equal(t, validHost(host), want, "%q", host)
	}
	for path, want := range map[string]bool{
		"/": true, "/a/b-c.d_e~": true, "/a%20b": true,
		"": false, "a": false, "/a b": false, "/a`": false, "/{{.}}": false, "//a": false, "/a\n": false, "/a?b": false, "/a\\b": false, "/\"": false,
	} {
		assert.Equal(t, validPrefix(path), want, "%q", path)
	}
	assert.Assert(t, validPath("/health?full=1"))
}

func TestASecretFileIsReadFromItsOwnFolder(t *testing.T) {
	cert, key := pemPair(t)
	dir := write(t, map[string]string{
		"compose.yaml":     "include: [sub/compose.yaml]",
		"sub/compose.yaml": "services: {web: {image: x, protocol: httpsTerm, ssl_cert: tls, secrets: [tls]}}\nsecrets: {tls: {file: my.pem}}",
		"sub/my.pem":       cert + key,
	})
	p, _, err := Load(t.Context(), LoadOptions{WorkDir: dir})
	assert.NilError(t, err)
	assert.Equal(t, p.Services[0].Routes[0].Cert.Source, "secret tls")
	_, err = os.Stat(filepath.Join(dir, "sub", "my.pem"))
	assert.NilError(t, err)
}

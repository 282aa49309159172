//go:build engine

package tests

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"gotest.tools/v3/assert"
)

func randomWord(t *testing.T) string {
	t.Helper()
	b := make([]byte, 16)
	_, err := rand.Read(b)
	assert.NilError(t, err)
	return hex.EncodeToString(b)
}

// secretPEM makes a certificate for localhost and its key, in PEM.
func secretPEM(t *testing.T) (chain, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NilError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	assert.NilError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(private)
	assert.NilError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
}

func TestSecretsAreNowhereButInTheContainersFiles(t *testing.T) {
	t.Parallel()
	fromFile, fromEnvironment := randomWord(t), randomWord(t)
	chain, key := secretPEM(t)
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    protocol: httpsTerm
    service_port: ${PORT}
    container_port: 80
    ssl_cert: pair
    secrets: [file, variable]
secrets:
  file: {file: ./secret.txt}
  variable: {environment: HL_SCENARIO_SECRET}
  pair: {file: ./pair.pem}
`)
	p.write("secret.txt", fromFile)
	p.write("pair.pem", chain+key)
	p.env = append(p.env, "HL_SCENARIO_SECRET="+fromEnvironment)

	secrets := []string{fromFile, fromEnvironment, strings.Split(key, "\n")[1]}
	clean := func(where, text string) {
		t.Helper()
		for at, secret := range secrets {
			assert.Assert(t, !strings.Contains(text, secret), "secret %d is in %s:\n%s", at+1, where, text)
		}
	}
	for _, line := range []string{
		"plan", "plan --format json", "up -d --wait --progress json", "up -d", "ps -a", "ps -a --format json", "logs",
		"config --hash=web", "service ls", "service inspect web", "lb", "lb config", "plan --format json",
	} {
		r := p.must(strings.Fields(line)...)
		clean(line, r.out+r.err)
	}
	for _, c := range p.containers("") {
		_, raw, err := docker.ContainerInspectWithRaw(t.Context(), c.ID, false)
		assert.NilError(t, err)
		clean("docker inspect "+c.Names[0], string(raw))
		clean("the log of "+c.Names[0], logOf(t, c.ID))
	}
	shared, err := docker.VolumeInspect(t.Context(), p.name+"_hyper-lite")
	assert.NilError(t, err)
	text, err := json.Marshal(shared)
	assert.NilError(t, err)
	clean("docker volume inspect", string(text))
	assert.NilError(t, filepath.WalkDir(filepath.Join(p.dir, ".hyper-lite"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		clean(path, string(text))
		return err
	}))
	// They are where they belong.
	for name, want := range map[string]string{"file": fromFile, "variable": fromEnvironment} {
		content, _, err := docker.CopyFromContainer(t.Context(), p.id("web-1"), "/run/secrets/"+name)
		if err != nil { // a bind mount is not copied out: it is the file itself
			continue
		}
		var text bytes.Buffer
		_, err = text.ReadFrom(content)
		assert.NilError(t, err)
		assert.NilError(t, content.Close())
		assert.Assert(t, strings.Contains(text.String(), want), "secret %s is not in its file", name)
	}
	// Changing one is seen, and told without its content.
	secrets = append(secrets, randomWord(t))
	p.write("secret.txt", secrets[3])
	r := p.must("plan")
	clean("plan of a change", r.out+r.err)
	says(t, r.out, "web")
	r = p.must("up", "-d", "-t", "0")
	clean("up of a change", r.out+r.err)
}

func logOf(t *testing.T, id string) string {
	t.Helper()
	stream, err := docker.ContainerLogs(t.Context(), id, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	assert.NilError(t, err)
	defer stream.Close()
	var text bytes.Buffer
	_, err = stdcopy.StdCopy(&text, &text, stream)
	assert.NilError(t, err)
	return text.String()
}

package compose

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// certificate reads ssl_cert: one PEM with chain and key, or a mapping of cert and key. Each is a file,
// relative to the project folder, or the name of a secret. It is nil where that is a mistake.
func (r *reading) certificate() *Certificate {
	missing := func(err error, hint string) *Certificate {
		r.missing(r.name, []string{r.section, r.name, extension, "ssl_cert"}, err.Error(), hint)
		return nil
	}
	value := r.keys["ssl_cert"]
	var sources []string
	if s, ok := asString(value); ok {
		sources = []string{s}
	} else if m := asMap(value); m != nil {
		for _, key := range []string{"cert", "key"} {
			s, ok := asString(m[key])
			if !ok {
				r.report("ssl_cert", "needs both cert and key", "")
				return nil
			}
			sources = append(sources, s)
		}
	}
	var text, names []string
	for _, source := range sources {
		content, name, err := r.secretOrFile(source)
		if err != nil {
			return missing(err, "")
		}
		text, names = append(text, content), append(names, name)
	}
	cert, err := newCertificate(strings.Join(names, " and "), strings.Join(text, "\n"))
	if err != nil {
		return missing(err, "it takes PEM: the server's own certificate, then those that signed it, and the key, unencrypted")
	}
	r.warnOfCertificate(cert)
	return cert
}

// warnOfCertificate says what browsers will hold against a certificate.
func (r *reading) warnOfCertificate(cert *Certificate) {
	block, _ := pem.Decode([]byte(cert.Chain))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return // it was parsed before
	}
	warn := func(format string, args ...any) {
		r.l.warn(fmt.Sprintf("service %s: the certificate of %s ", r.name, cert.Source) + fmt.Sprintf(format, args...))
	}
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		warn("expired on %s: clients refuse it", leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		warn("is valid from %s on: clients refuse it until then", leaf.NotBefore.Format(time.DateOnly))
	}
	hosts, _ := asStrings(r.keys["hosts"])
	for _, host := range hosts {
		if leaf.VerifyHostname(strings.Replace(host, "*.", "any.", 1)) != nil {
			warn("does not cover %s: clients that ask for it refuse it", host)
		}
	}
}

func (r *reading) secretOrFile(source string) (content, name string, err error) {
	if secret, ok := r.typed.Secrets[source]; ok {
		content, err = contentOf(types.FileObjectConfig(secret))
		if err != nil {
			return "", "", fmt.Errorf("read secret %s: %w", source, err)
		}
		return content, "secret " + source, nil
	}
	path := absolute(r.dir, source)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", "", fmt.Errorf("there is no file %s and no secret of that name", path)
	}
	if err != nil {
		return "", "", fmt.Errorf("read certificate: %s", reason(err))
	}
	return string(text), path, nil
}

// newCertificate parses a PEM text and checks that key and chain belong together.
func newCertificate(source, text string) (*Certificate, error) {
	var chain, key strings.Builder
	rest := []byte(text)
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE":
			chain.Write(pem.EncodeToMemory(block))
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, fmt.Errorf("the key in %s is encrypted, and the balancer knows no passphrase", source)
		case strings.HasSuffix(block.Type, "PRIVATE KEY") && key.Len() == 0:
			key.Write(pem.EncodeToMemory(block))
		}
	}
	if chain.Len() == 0 {
		return nil, fmt.Errorf("%s has no certificate (-----BEGIN CERTIFICATE-----)", source)
	}
	if key.Len() == 0 {
		return nil, fmt.Errorf("%s has no key (-----BEGIN PRIVATE KEY-----)", source)
	}
	if _, err := tls.X509KeyPair([]byte(chain.String()), []byte(key.String())); err != nil {
		return nil, fmt.Errorf("%s: %s", source, strings.TrimPrefix(err.Error(), "tls: "))
	}
	sum := sha256.Sum256([]byte(chain.String() + "\x00" + key.String()))
	return &Certificate{Source: source, Chain: chain.String(), Key: key.String(), Digest: hex.EncodeToString(sum[:6])}, nil
}

// contentOf reads what a config or secret holds: inline, from the environment, or from its file.
func contentOf(f types.FileObjectConfig) (string, error) {
	switch {
	case bool(f.External):
		return "", errors.New("it is external: only a cluster holds such a one; use file or environment")
	case f.Environment != "":
		return f.Content, nil
	case f.File != "":
		text, err := os.ReadFile(f.File)
		if err != nil {
			return "", err //nolint:wrapcheck // names the file itself
		}
		return string(text), nil
	}
	return f.Content, nil
}

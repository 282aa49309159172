package cron

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// ErrForGood says that an end cannot be told, and that to try again changes nothing.
var ErrForGood = errors.New("it is not tried again")

// Webhook posts ends. The zero value trusts whom the system trusts.
type Webhook struct {
	// Roots are those whose certificates an https webhook is trusted by; Roots. It is asked at each post to https, so
	// that nothing is kept of them between two.
	Roots func() (*x509.CertPool, error)
}

// mostQuoted is how much of what a webhook says to a refusal is passed on.
const mostQuoted = 200

// Post tells a webhook of an end. Any answer but a 2xx is an error, and so is a redirect that would not post again (301,
// 302, 303) or that leaves https. Whatever stands in the address beyond its host, which may be a password, is in no error.
func (w Webhook) Post(ctx context.Context, end End, address string) error {
	if err := w.post(ctx, end, address); err != nil {
		return fmt.Errorf("tell of the end of %s: %w", end.Run, err)
	}
	return nil
}

func (w Webhook) post(ctx context.Context, end End, address string) error {
	body, err := json.Marshal(end)
	if err != nil {
		return fmt.Errorf("encode it: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", unaddressed(err), ErrForGood)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "hyper-lite")
	client := http.Client{Transport: w, CheckRedirect: postsAgain}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("post to %s: %w", hostOf(request.URL), unaddressed(err))
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, mostQuoted)) // what cannot be read is left out
	return refusal(answer, string(said))
}

// RoundTrip is one request over a connection of its own: webhooks are rare, and a connection that waits takes memory.
func (w Webhook) RoundTrip(request *http.Request) (*http.Response, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	if request.URL.Scheme == "https" {
		trusted := w.Roots
		if trusted == nil {
			trusted = Roots
		}
		roots, err := trusted()
		if err != nil {
			return nil, fmt.Errorf("read the certificates that are trusted: %w", err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return transport.RoundTrip(request)
}

// Roots are the certificate authorities that the system trusts, and where it has none, as in the sidecar's container,
// Mozilla's, as they were when this program was built.
func Roots() (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil || !roots.Equal(x509.NewCertPool()) {
		return roots, err
	}
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil:
			return nil, err
		case root.Constraint == nil:
			roots.AddCert(certificate)
		default:
			roots.AddCertWithConstraint(certificate, root.Constraint)
		}
	}
	return roots, nil
}

// postsAgain follows redirects that keep what is posted. The answer of any other is the end of it.
func postsAgain(next *http.Request, before []*http.Request) error {
	last := before[len(before)-1].URL
	if next.Method != http.MethodPost || len(before) >= 5 || last.Scheme == "https" && next.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	return nil
}

// refusal is an answer that is no 2xx. A 4xx is for good, but for those that ask for patience.
func refusal(answer *http.Response, said string) error {
	if answer.StatusCode/100 == 2 {
		return nil
	}
	text := "the webhook answered " + answer.Status
	if to, err := answer.Location(); err == nil {
		return fmt.Errorf("%s and sends to %s, which is not followed: name the webhook's own address; %w", text, hostOf(to), ErrForGood)
	}
	if said, _, _ = strings.Cut(strings.TrimSpace(said), "\n"); said != "" {
		text += fmt.Sprintf(": %q", said)
	}
	switch answer.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		if answer.StatusCode/100 == 4 {
			return fmt.Errorf("%s; %w", text, ErrForGood)
		}
	}
	return errors.New(text)
}

func hostOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// unaddressed is an error without the address that it carries, and with a hint where a certificate is not trusted.
func unaddressed(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%w: only public certificate authorities are trusted; a notify command can trust another one; %w", err, ErrForGood)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w; %w", err, ErrForGood)
	}
	return err
}

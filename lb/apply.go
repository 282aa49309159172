package lb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hyper-lite/compose"
)

// NotLiveError says that Traefik did not take over what was written.
type NotLiveError struct {
	Container   string   // the balancer's
	State       string   // what the engine says of it: "running", "exited (1)", "not there"
	Differences []string // what Traefik serves otherwise, or why it cannot be asked
}

func (e *NotLiveError) Error() string {
	return fmt.Sprintf("balancer %s (%s) does not serve the routes: %s", e.Container, e.State, strings.Join(e.Differences, "; "))
}

// apply makes Traefik serve the table, and returns once Traefik's API shows exactly that. Where nothing has
// changed nothing is written and no signal is sent: Traefik is only asked. With a service's name only this one
// decides: what Traefik refuses of another must not stand in its way.
func (s *Sidecar) apply(ctx context.Context, service string) error {
	changed, err := s.write()
	revision := ""
	if err == nil {
		revision, err = s.prove(ctx, service, changed, func() bool { return service == "" && len(s.flips) > 0 })
	}
	if errors.Is(err, errSuperseded) {
		return nil
	}
	s.note(revision, err)
	return err
}

// errSuperseded says that a proof was given up for a newer change, which the same goroutine must write.
var errSuperseded = errors.New("superseded")

// write puts the table into the volume. It waits for no proof: one that is under way goes on with what this wrote.
func (s *Sidecar) write() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	table := s.table()
	g, err := generate(table)
	if err != nil {
		return false, err
	}
	if err := s.store.save(s.record); err != nil {
		return false, err
	}
	changed, err = s.store.putDynamic(g.files, s.blind)
	if err == nil {
		s.written = g
	}
	return changed, err
}

// newest is what was written last.
func (s *Sidecar) newest() generated {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// note keeps how the last change ended, and tells the log when that is news. Of a revision that was written over
// meanwhile, another proof tells the rest.
func (s *Sidecar) note(revision string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && revision != s.written.revision {
		return
	}
	trouble := ""
	if err != nil {
		trouble = err.Error()
	}
	switch {
	case err != nil && trouble != s.trouble && !errors.Is(err, context.Canceled):
		s.log.Error("the balancer does not serve what it should", "revision", revision, "error", err)
	case err == nil && revision != s.revision:
		s.log.Info("the balancer serves", "revision", revision)
	}
	s.trouble = trouble
	if err == nil {
		s.revision = revision
	}
}

// prove signals Traefik to read its files, waits until it serves them, and says which revision that was: always
// the newest, for Traefik never comes to serve one that was written over. Several proofs may be under way, and none
// waits for another: what cannot hold, such as a route on a port that the balancer has no more, holds up nothing
// that can. A proof that is superseded is given up.
//
// Traefik dies of the signal before it has installed its handler, so none is sent before its API answers. A signal
// that meets another one may be lost, so it is repeated every second. Traefik switches its ports one after the
// other, and the control port is not always the last one: a second look, a round trip later, stands for the rest.
func (s *Sidecar) prove(ctx context.Context, service string, changed bool, superseded func() bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	var signalled time.Time
	if changed {
		if _, err := s.control.look(ctx); err == nil {
			signalled = s.signal(ctx)
		}
	}
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		g := s.newest().only(service)
		diffs := s.differences(ctx, g)
		if len(diffs) == 0 {
			if diffs = s.differences(ctx, g); len(diffs) == 0 {
				return g.revision, nil
			}
		}
		if superseded() {
			return g.revision, errSuperseded
		}
		if time.Since(signalled) > time.Second && s.control.answers(ctx) {
			signalled = s.signal(ctx)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return g.revision, ctx.Err()
			}
			return g.revision, &NotLiveError{Container: BalancerName(s.project), State: s.balancerState(), Differences: diffs}
		}
	}
}

func (s *Sidecar) signal(ctx context.Context) time.Time {
	if err := s.engine.Signal(ctx, BalancerName(s.project), "HUP"); err != nil {
		s.log.Warn("the balancer cannot be signalled", "error", err)
	}
	return time.Now()
}

func (s *Sidecar) differences(ctx context.Context, g generated) []string {
	have, err := s.control.look(ctx)
	if err != nil {
		return []string{"its API cannot be asked: " + err.Error()}
	}
	return differences(g, have)
}

// balancerState is the engine's word for the balancer, for a message.
func (s *Sidecar) balancerState() string {
	ctx, cancel := context.WithTimeout(s.life, 2*time.Second)
	defer cancel()
	replicas, err := s.engine.List(ctx, s.project)
	if err != nil {
		return "the engine does not say in which state it is"
	}
	for _, r := range replicas {
		if r.Role == compose.RoleBalancer {
			return describe(r)
		}
	}
	return "there is no such container"
}

// proveCertificates opens a TLS connection to every httpsTerm route, and compares the certificate shown.
// Traefik shows no certificate in its API, and only logs one that it cannot read: it then shows one of its
// own, which nobody trusts. One of another service, which also covers the name, is not an error.
func (s *Sidecar) proveCertificates(ctx context.Context, routes []compose.Route) error {
	for _, r := range routes {
		if r.Protocol != compose.HTTPSTerm || r.Cert == nil {
			continue
		}
		shown, err := s.shownCertificate(ctx, r)
		if err != nil {
			return fmt.Errorf("certificate of port %d: the balancer completes no TLS handshake: %w", r.ServicePort, err)
		}
		if shown.Subject.CommonName == traefikDefault {
			return fmt.Errorf("certificate of port %d: the balancer cannot use %s and shows its own", r.ServicePort, r.Cert.Source)
		}
	}
	return nil
}

// traefikDefault is the name in the certificate that Traefik makes for itself.
const traefikDefault = "TRAEFIK DEFAULT CERT"

func (s *Sidecar) shownCertificate(ctx context.Context, r compose.Route) (*x509.Certificate, error) {
	base, err := url.Parse(s.base)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: coveredName(r)}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(base.Hostname(), strconv.Itoa(r.ServicePort)))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

// coveredName is a host name of the route that its certificate covers, or "".
func coveredName(r compose.Route) string {
	block, _ := pem.Decode([]byte(r.Cert.Chain))
	if block == nil {
		return ""
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return ""
	}
	for _, name := range r.Hosts {
		name = strings.Replace(name, "*.", "any.", 1)
		if leaf.VerifyHostname(name) == nil {
			return name
		}
	}
	return ""
}

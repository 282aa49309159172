package lb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"hyper-lite/compose"
)

// probe asks a replica once whether it works: a TCP connect, a TLS handshake where the probe says TLS, or an
// HTTP GET where it has a path. A redirect is an answer, and is not followed. The error's text is for people.
func probe(ctx context.Context, host string, p compose.Probe) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.Timeout, errTimeout)
	defer cancel()
	address := net.JoinHostPort(host, strconv.Itoa(p.Port))
	var err error
	if p.Path == "" {
		err = probeConnect(ctx, address, p)
	} else {
		err = probeHTTP(ctx, address, p)
	}
	if err == nil {
		return nil
	}
	if context.Cause(ctx) == errTimeout {
		return fmt.Errorf("no answer on port %d within %s", p.Port, p.Timeout)
	}
	return plainly(err, p.Port)
}

var errTimeout = errors.New("timeout")

func probeConnect(ctx context.Context, address string, p compose.Probe) error {
	var dialer interface {
		DialContext(context.Context, string, string) (net.Conn, error)
	} = &net.Dialer{}
	if p.TLS {
		dialer = &tls.Dialer{Config: unverified}
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	_ = conn.Close() // it was opened only to see that it opens
	return nil
}

// unverified is for replicas: their certificates are for the outside, not for their network alias.
var unverified = &tls.Config{InsecureSkipVerify: true}

// probing keeps no connection: a kept one would show that an old connection works, not that a new one does.
var probing = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: unverified, MaxResponseHeaderBytes: 64 << 10},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func probeHTTP(ctx context.Context, address string, p compose.Probe) error {
	scheme := "http"
	if p.TLS {
		scheme = "https"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+p.Path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "hyper-lite")
	response, err := probing.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that a small answer is not cut off in the replica's log
	if p.Status != 0 && response.StatusCode != p.Status {
		return fmt.Errorf("GET %s answered %d, want %d", p.Path, response.StatusCode, p.Status)
	}
	if p.Status == 0 && (response.StatusCode < 200 || response.StatusCode > 399) {
		return fmt.Errorf("GET %s answered %d, want 200 to 399", p.Path, response.StatusCode)
	}
	return nil
}

// plainly says what a network error means.
func plainly(err error, port int) error {
	var unknown *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing accepts connections on port %d", port)
	case errors.As(err, &unknown):
		return errors.New("it is not in the network: no address for its name")
	default:
		return err
	}
}

// judgement is what the sidecar thinks of one replica, from probes and from the engine. It is a value:
// each observation makes the next.
type judgement struct {
	Up       bool
	Since    time.Time // when Up became what it is
	Reason   string    // why it is not up; of an up one, its last failure
	EverUp   bool      // false: a new one, probed at the start interval
	Good     int       // consecutive successes
	Bad      int       // consecutive failures
	Unwell   bool      // the engine's own health check says so
	Stopped  bool      // the engine says that it does not run
	StopTime time.Time // when it stopped
}

// probed is the judgement after a probe. A replica that the engine says is stopped or unhealthy does not
// rise, whatever it answers.
func (j judgement) probed(err error, p compose.Probe, now time.Time) judgement {
	if err != nil {
		j.Good, j.Bad = 0, j.Bad+1
		if !j.Stopped && !j.Unwell { // the engine knows the reason better
			j.Reason = err.Error()
		}
		if j.Up && j.Bad >= max(p.Fall, 1) {
			j.Up, j.Since = false, now
		}
		return j
	}
	j.Good, j.Bad = j.Good+1, 0
	if !j.Up && !j.Unwell && !j.Stopped && j.Good >= max(p.Rise, 1) {
		j.Up, j.Since, j.EverUp, j.Reason = true, now, true, ""
	}
	return j
}

// down is the judgement after the engine said that the replica cannot serve: at once, whatever Fall says.
func (j judgement) down(reason string, now time.Time) judgement {
	if j.Up {
		j.Up, j.Since = false, now
	}
	j.Good, j.Reason = 0, reason
	return j
}

func (j judgement) stopped(reason string, now time.Time) judgement {
	j = j.down(reason, now)
	if !j.Stopped {
		j.Stopped, j.StopTime = true, now
	}
	return j
}

// started is the judgement after the replica was started again: it has to rise anew, probed as a new one.
func (j judgement) started(now time.Time) judgement {
	if j.Stopped {
		j = j.down("it was just started", now)
		j.Stopped, j.EverUp, j.Unwell = false, false, false
	}
	return j
}

func (j judgement) unwell(now time.Time) judgement {
	j = j.down(unwellReason, now)
	j.Unwell = true
	return j
}

func (j judgement) well() judgement {
	j.Unwell = false
	return j
}

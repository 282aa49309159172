//go:build engine

package tests

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// session is a connection that stays open: each line said on it comes back.
type session struct {
	conn    net.Conn
	from    *bufio.Reader
	frames  bool   // a WebSocket: lines travel in frames
	replica string // the name that it said first
}

// openLines opens a TCP session.
func openLines(address string) (*session, error) {
	return open(address, false, "")
}

// openSocket opens a WebSocket session.
func openSocket(address string) (*session, error) {
	return open(address, true, "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
}

func open(address string, frames bool, handshake string) (*session, error) {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, from: bufio.NewReader(conn), frames: frames}
	if err := s.greet(handshake); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

func (s *session) greet(handshake string) error {
	if err := s.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if handshake != "" {
		if _, err := io.WriteString(s.conn, handshake); err != nil {
			return err
		}
		response, err := http.ReadResponse(s.from, nil)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusSwitchingProtocols {
			return fmt.Errorf("status %d", response.StatusCode)
		}
	}
	var err error
	s.replica, err = s.hear()
	return err
}

// hear reads one message: a line, or a short frame of text (RFC 6455, section 5.2).
func (s *session) hear() (string, error) {
	if !s.frames {
		line, err := s.from.ReadString('\n')
		return strings.TrimSpace(line), err
	}
	var head [2]byte
	if _, err := io.ReadFull(s.from, head[:]); err != nil {
		return "", err
	}
	if head[0] != 0x81 || head[1] > 125 {
		return "", fmt.Errorf("not a short text: %x", head)
	}
	text := make([]byte, head[1])
	_, err := io.ReadFull(s.from, text)
	return string(text), err
}

// say sends one line and waits for it to come back.
func (s *session) say(text string) error {
	if err := s.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	sent := []byte(text + "\n")
	if s.frames {
		sent = append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...) // masked with zeros
	}
	if _, err := s.conn.Write(sent); err != nil {
		return err
	}
	got, err := s.hear()
	if err == nil && got != text {
		err = fmt.Errorf("%q came back for %q", got, text)
	}
	return err
}

// sitters hold sessions, one after the other: short ones that end by themselves within the drain time, which
// nothing may cut, and long ones, which live until their replica is told to stop.
type sitters struct {
	t     testing.TB
	open  map[string]func() (*session, error) // by kind
	short time.Duration

	mu      sync.Mutex
	whole   map[string]int // short sessions that ended by themselves, by kind
	ends    []ending       // of long ones
	failing []string

	stop context.CancelFunc
	done sync.WaitGroup
}

// ending is a long session that was cut.
type ending struct {
	kind, replica string
	at            time.Time
}

func (t *sitters) gather() {
	ctx, cancel := context.WithCancel(context.Background())
	t.stop, t.whole = cancel, map[string]int{}
	for kind, open := range t.open {
		t.done.Go(func() { t.shortOnes(ctx, kind, open) })
		t.done.Go(func() { t.longOnes(ctx, kind, open) })
	}
	t.t.Cleanup(t.disperse)
}

func (t *sitters) disperse() {
	t.stop()
	t.done.Wait()
}

func (t *sitters) note(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

func (t *sitters) shortOnes(ctx context.Context, kind string, open func() (*session, error)) {
	for ctx.Err() == nil {
		s, err := open()
		if err != nil {
			t.note(func() { t.failing = append(t.failing, fmt.Sprintf("open a %s session: %v", kind, err)) })
			return
		}
		begun := time.Now()
		err = s.chat(ctx, t.short)
		t.note(func() {
			if err != nil {
				t.failing = append(t.failing, fmt.Sprintf("a %s session with %s was cut after %s: %v", kind, s.replica, time.Since(begun), err))
			} else {
				t.whole[kind]++
			}
		})
	}
}

func (t *sitters) longOnes(ctx context.Context, kind string, open func() (*session, error)) {
	for ctx.Err() == nil {
		s, err := open()
		if err != nil {
			t.note(func() { t.failing = append(t.failing, fmt.Sprintf("open a long %s session: %v", kind, err)) })
			return
		}
		if err := s.chat(ctx, time.Hour); err != nil {
			t.note(func() { t.ends = append(t.ends, ending{kind, s.replica, time.Now()}) })
		}
	}
}

// chat talks for so long, or until ctx ends, and closes the session. An error is a session that was cut.
func (s *session) chat(ctx context.Context, long time.Duration) (err error) {
	defer s.conn.Close()
	beat := time.NewTicker(50 * time.Millisecond)
	defer beat.Stop()
	end := time.After(long)
	for n := 0; ; n++ {
		if err := s.say(fmt.Sprintf("beat %d", n)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-end:
			return nil
		case <-beat.C:
		}
	}
}

// judge fails the test where a session was lost: a short one cut, or a long one cut before its replica was
// told to stop. The engine tells of a signal after it was sent: a session may have ended early by so much.
func (t *sitters) judge(w *witness, early time.Duration) {
	t.t.Helper()
	for _, lost := range t.failing {
		t.t.Error(lost)
	}
	for kind := range t.open {
		if t.whole[kind] == 0 {
			t.t.Errorf("no short %s session came to its end", kind)
		}
	}
	for _, end := range t.ends {
		if err := w.stopping(end.replica, end.at, early); err != nil {
			t.t.Errorf("a %s session with %s was cut at %s: %v", end.kind, end.replica, end.at.Format(time.StampMilli), err)
		}
	}
	t.t.Logf("sessions: %v short ones ended by themselves; %d long ones lived until their replica was told to stop", t.whole, len(t.ends))
}

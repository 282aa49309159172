package lb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// What the commands and the sidecar say to each other: JSON-RPC over the sidecar's socket. Every method is
// safe to repeat.
type (
	// HelloReply tells who answers.
	HelloReply struct {
		Project string `json:"project"`
	}
	// PublishArgs is a plan.Route, certificates included.
	PublishArgs struct {
		Service  string          `json:"service"`
		Routes   []compose.Route `json:"routes"`
		Probe    *compose.Probe  `json:"probe"`
		Backends []plan.Ref      `json:"backends"`
		Digest   string          `json:"digest"`
	}
	// AwaitArgs asks for the sidecar's own judgement of one replica; Within 0 is without end. Once it is healthy, it
	// must stay so For a time.
	AwaitArgs struct {
		Ref    plan.Ref      `json:"ref"`
		Probe  compose.Probe `json:"probe"`
		Within time.Duration `json:"within"`
		For    time.Duration `json:"for,omitempty"`
	}
	// AwaitReply is that judgement.
	AwaitReply struct {
		Healthy bool          `json:"healthy"`
		Reason  string        `json:"reason,omitempty"` // of the last failure
		After   time.Duration `json:"after"`
	}
	// DrainArgs asks to wait for what is still open to a withdrawn replica.
	DrainArgs struct {
		Ref plan.Ref      `json:"ref"`
		For time.Duration `json:"for"`
	}
	// DrainReply says how the wait ended.
	DrainReply struct {
		Proven bool `json:"proven"` // nothing was open any more; false: the time was up
	}
	// HoldReply says for how long the sidecar has changed no container by itself; it will not until the connection ends.
	HoldReply struct {
		Quiet time.Duration `json:"quiet"`
	}
	// ConfigReply is the generated files, as they lie in the volume.
	ConfigReply struct {
		Files map[string]string `json:"files"`
	}
	// Nothing is an empty message.
	Nothing struct{}
)

const rpcName = "Sidecar"

// session is one connection's view of the sidecar: its context ends with the connection, and with it
// everything that was waited for on its behalf.
type session struct {
	ctx     context.Context
	sidecar *Sidecar
	holds   sync.Once
}

func (s *session) Hello(_ Nothing, reply *HelloReply) error {
	reply.Project = s.sidecar.project
	return nil
}

func (s *session) Publish(args PublishArgs, _ *Nothing) error {
	return s.sidecar.publish(s.ctx, args)
}

func (s *session) Await(args AwaitArgs, reply *AwaitReply) (err error) {
	*reply, err = s.sidecar.await(s.ctx, args)
	return err
}

func (s *session) Drain(args DrainArgs, reply *DrainReply) (err error) {
	reply.Proven, err = s.sidecar.drain(s.ctx, args)
	return err
}

// Hold waits for the end of what was begun, and lets nothing begin until the connection ends.
func (s *session) Hold(_ Nothing, reply *HoldReply) (err error) {
	s.holds.Do(func() { context.AfterFunc(s.ctx, s.sidecar.gate.hold()) })
	reply.Quiet, err = s.sidecar.gate.quiet(s.ctx)
	return err
}

func (s *session) Status(_ Nothing, reply *Status) error {
	*reply = s.sidecar.status()
	return nil
}

func (s *session) Config(_ Nothing, reply *ConfigReply) (err error) {
	reply.Files, err = s.sidecar.store.dynamicFiles()
	return err
}

// Answer lets another room's work in the sidecar's process answer on the sidecar's connections: the methods of receiver,
// as net/rpc takes them, as name.Method. Connections that are open already go on without.
func (s *Sidecar) Answer(name string, receiver any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.others[name] = receiver
}

// listen opens the sidecar's socket, over what a killed predecessor left.
func listen(socket string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the socket: %w", err)
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the old socket: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the socket: %w", err), listener.Close())
	}
	return listener, nil
}

// serve answers connections until the context ends.
func (s *Sidecar) serve(ctx context.Context, listener net.Listener) error {
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go s.converse(ctx, conn)
	}
}

func (s *Sidecar) converse(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	server := rpc.NewServer()
	if err := server.RegisterName(rpcName, &session{ctx: ctx, sidecar: s}); err != nil {
		panic(err) // the methods above have the right form, or nothing works
	}
	s.mu.Lock()
	others := maps.Clone(s.others)
	s.mu.Unlock()
	for name, receiver := range others {
		if err := server.RegisterName(name, receiver); err != nil {
			panic(err) // as above
		}
	}
	watched := &watchedConn{Conn: conn, gone: cancel}
	server.ServeCodec(jsonrpc.NewServerCodec(watched))
}

// watchedConn tells when the other side is gone: net/rpc waits for running calls before it says so, and a
// call that waits for a replica shall not outlive who asked.
type watchedConn struct {
	net.Conn
	gone func()
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.gone()
	}
	return n, err
}

// Connect joins a pair of streams to the sidecar's socket until either side ends. It is what `sidecar connect`
// runs inside the sidecar's container. It waits a little for a sidecar that is just starting.
func Connect(ctx context.Context, stdin io.Reader, stdout io.Writer, socket string) error {
	conn, err := dialSocket(ctx, socket, 10*time.Second)
	if err != nil {
		return fmt.Errorf("connect to the sidecar: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	go func() {
		// stdin is at its end when the command is gone: the sidecar then reads the end, and hangs up.
		_, _ = io.Copy(conn, stdin)
		_ = conn.CloseWrite()
	}()
	if _, err := io.Copy(stdout, conn); err != nil && ctx.Err() == nil {
		return fmt.Errorf("pass on the sidecar's answers: %w", err)
	}
	return ctx.Err()
}

func dialSocket(ctx context.Context, socket string, patience time.Duration) (*net.UnixConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err == nil {
			return conn.(*net.UnixConn), nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

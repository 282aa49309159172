package lb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"slices"
	"sync"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Host is what the commands' side needs of the engine.
type Host interface {
	// Dial runs argv in a running container and joins its standard input and output. The context is for
	// opening only: Close ends the session.
	Dial(ctx context.Context, container string, argv []string) (io.ReadWriteCloser, error)
	// ReadFile copies a file out of a container, running or not, without running anything in it. The error
	// is fs.ErrNotExist where the container has no such file.
	ReadFile(ctx context.Context, container, path string) ([]byte, error)
	// Do performs a step of the engine: a plan.Await.
	Do(ctx context.Context, step plan.Step) error
}

// Balancer is the commands' side of a project's balancer. It speaks to the sidecar over one session, opened
// at the first need. It is safe for concurrent use.
type Balancer struct {
	host     Host
	project  string
	patience time.Duration // how long a sidecar may take to answer for the first time
	answers  time.Duration // how long one that may do something by itself is tried to be held
	doubt    time.Duration // after how long the engine is asked whether the sidecar runs at all

	mu      sync.Mutex
	session *rpc.Client

	state   sync.Mutex
	holding bool   // every session holds the sidecar
	giveUp  func() // ends the wait for a sidecar that was just started; nil where there is none
}

// NewBalancer returns the balancer of a project. Close ends its session.
func NewBalancer(host Host, project string) *Balancer {
	return &Balancer{host: host, project: project, patience: 20 * time.Second, answers: answersWithin, doubt: time.Second}
}

// Published is what the sidecar keeps in the volume of what the balancer serves, or would serve if it ran. It is
// read through whichever of their containers is there, and nil where none is. A publication that was begun and
// never proven has no Digest, so that it is never taken for the wanted one. Nothing on the host changes.
func (b *Balancer) Published(ctx context.Context, have plan.Observed) ([]plan.Published, error) {
	r, err := b.readRecord(ctx, have)
	if err != nil || r == nil {
		return nil, err
	}
	return r.published(), nil
}

// UnreadableError says that what the sidecar remembers cannot be read: it is damaged, or a newer hyper-lite wrote it.
type UnreadableError struct {
	Container string // in which it was looked at
	Err       error
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("read what the balancer serves from %s: %v", e.Container, e.Err)
}

func (e *UnreadableError) Unwrap() error { return e.Err }

// Hint is the way out.
func (e *UnreadableError) Hint() string {
	return "use the newer hyper-lite that wrote it, or `hyper-lite down` and `hyper-lite up`, which make it anew; volumes stay"
}

func withRole(have plan.Observed, role compose.Role) (plan.Replica, bool) {
	i := slices.IndexFunc(have.Replicas, func(r plan.Replica) bool { return r.Role == role })
	if i < 0 {
		return plan.Replica{}, false
	}
	return have.Replicas[i], true
}

// Do performs a plan.Route, returning once Traefik serves it; a plan.Drain; or the probe of a plan.Await,
// whose failure is a *plan.UnhealthyError without logs.
func (b *Balancer) Do(ctx context.Context, step plan.Step) error {
	switch step := step.(type) {
	case plan.Route:
		return b.route(ctx, step)
	case plan.Drain:
		args := DrainArgs{Ref: step.Ref, For: step.For}
		if err := b.call(ctx, "Drain", args, &DrainReply{}); err != nil {
			return fmt.Errorf("drain %s: %w", step.Ref, err)
		}
		return nil
	case plan.Await:
		if step.Probe == nil {
			return nil
		}
		return b.await(ctx, step)
	default:
		return fmt.Errorf("%s %s: not a step of the balancer", step.Verb(), step.Subject())
	}
}

func (b *Balancer) route(ctx context.Context, step plan.Route) error {
	args := PublishArgs{Service: step.Service, Routes: step.Routes, Probe: step.Probe, Backends: step.Backends, Digest: step.Digest}
	if err := b.call(ctx, "Publish", args, &Nothing{}); err != nil {
		return fmt.Errorf("route %s: %w", step.Service, err)
	}
	return nil
}

func (b *Balancer) await(ctx context.Context, step plan.Await) error {
	var reply AwaitReply
	args := AwaitArgs{Ref: step.Ref, Probe: *step.Probe, Within: step.Within, For: step.For}
	if err := b.call(ctx, "Await", args, &reply); err != nil {
		return fmt.Errorf("await %s: %w", step.Ref, err)
	}
	if reply.Healthy {
		return nil
	}
	return &plan.UnhealthyError{Container: step.Container, Condition: step.Condition, Reason: reply.Reason, After: reply.After}
}

// Status is what the sidecar knows now.
func (b *Balancer) Status(ctx context.Context) (Status, error) {
	var reply Status
	if err := b.call(ctx, "Status", Nothing{}, &reply); err != nil {
		return Status{}, fmt.Errorf("ask the sidecar: %w", err)
	}
	return reply, nil
}

// Config is the generated files of Traefik's dynamic directory, by name.
func (b *Balancer) Config(ctx context.Context) (map[string]string, error) {
	var reply ConfigReply
	if err := b.call(ctx, "Config", Nothing{}, &reply); err != nil {
		return nil, fmt.Errorf("ask the sidecar: %w", err)
	}
	return reply.Files, nil
}

// Close ends the session, if there is one.
func (b *Balancer) Close() error {
	b.stopWaiting()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.session == nil {
		return nil
	}
	err := b.session.Close()
	b.session = nil
	if errors.Is(err, rpc.ErrShutdown) {
		return nil
	}
	return err
}

func (b *Balancer) call(ctx context.Context, method string, args, reply any) error {
	return b.Ask(ctx, rpcName+"."+method, args, reply)
}

// Ask asks the sidecar, or who answers beside it (Sidecar.Answer): method is "name.Method". A session that breaks is opened anew and asked again, once.
func (b *Balancer) Ask(ctx context.Context, method string, args, reply any) error {
	for attempt := 1; ; attempt++ {
		session, err := b.open(ctx)
		if err != nil {
			return err
		}
		err = wait(ctx, session, method, args, reply)
		var answer rpc.ServerError
		if err == nil || errors.As(err, &answer) || ctx.Err() != nil {
			return err
		}
		b.drop(session)
		if attempt == 2 {
			return fmt.Errorf("sidecar %s hung up: %w", SidecarName(b.project), err)
		}
	}
}

func wait(ctx context.Context, session *rpc.Client, method string, args, reply any) error {
	call := session.Go(method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-call.Done:
		return call.Error
	}
}

func (b *Balancer) drop(session *rpc.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.session == session {
		_ = session.Close() // it is broken already
		b.session = nil
	}
}

// open returns the session, and opens it where there is none: with patience, since a sidecar that was only
// just started answers a moment later. One that cannot is a *plan.UnhealthyError without logs, and comes as soon
// as the engine knows it.
func (b *Balancer) open(ctx context.Context) (*rpc.Client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.session != nil {
		return b.session, nil
	}
	patient, cancel := context.WithTimeout(ctx, b.patience)
	defer cancel()
	begun := time.Now()
	died := make(chan error, 1)
	doubt := time.AfterFunc(b.doubt, func() { died <- b.host.Do(patient, b.watch()) })
	defer doubt.Stop()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		session, err := b.dial(patient)
		if err == nil {
			if b.isHolding() { // what it answers is asked for by Hold
				session.Go(rpcName+".Hold", Nothing{}, &HoldReply{}, make(chan *rpc.Call, 1))
			}
			b.session = session
			return session, nil
		}
		select {
		case <-patient.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, b.silent(fmt.Sprintf("it does not answer: %v", err), begun)
		case ended := <-died:
			if unhealthy, ok := errors.AsType[*plan.UnhealthyError](ended); ok {
				return nil, b.silent(unhealthy.Reason, begun)
			}
		case <-time.After(pause):
		}
	}
}

// watch ends with the sidecar.
func (b *Balancer) watch() plan.Await {
	ref := plan.Ref{Service: "sidecar", Slot: 1, Generation: 1}
	return plan.Await{Container: plan.Container{Ref: ref, Name: SidecarName(b.project)}, Condition: plan.AwaitExit}
}

func (b *Balancer) silent(reason string, begun time.Time) error {
	return &plan.UnhealthyError{
		Container: b.watch().Container, System: true, Condition: plan.AwaitRunning, Reason: reason, After: time.Since(begun),
	}
}

func (b *Balancer) dial(ctx context.Context) (*rpc.Client, error) {
	stream, err := b.host.Dial(ctx, SidecarName(b.project), []string{Executable, "sidecar", "connect"})
	if err != nil {
		return nil, err
	}
	session := rpc.NewClientWithCodec(jsonrpc.NewClientCodec(stream))
	var hello HelloReply
	if err := wait(ctx, session, rpcName+".Hello", Nothing{}, &hello); err != nil {
		return nil, errors.Join(err, session.Close())
	}
	if hello.Project != b.project {
		return nil, errors.Join(fmt.Errorf("it belongs to project %s", hello.Project), session.Close())
	}
	return session, nil
}

// decodeRecord reads the sidecar's record.
func decodeRecord(text []byte) (record, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return record{}, fmt.Errorf("decode %s: %w", recordFile, err)
	}
	if r.Version != recordVersion {
		return record{}, fmt.Errorf("%s has version %d, this hyper-lite reads %d", recordFile, r.Version, recordVersion)
	}
	return r, nil
}

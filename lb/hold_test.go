package lb

import (
	"context"
	"errors"
	"io"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

var sidecarRuns = plan.Observed{Replicas: []plan.Replica{{Role: compose.RoleSidecar, State: plan.Running}}}

func (h *house) held() bool {
	leave, _, ok := h.sidecar.gate.enter()
	if ok {
		leave()
	}
	return !ok
}

func TestAHoldEndsWithTheCommand(t *testing.T) {
	h := newHouse(t, 1)
	for name, end := range map[string]func(b *Balancer, host *fakeHost){
		"released": func(b *Balancer, _ *fakeHost) { assert.NilError(t, b.Release()) },
		"killed":   func(_ *Balancer, host *fakeHost) { host.cut() },
	} {
		b, host := h.balancer()
		quiet, err := b.Hold(t.Context(), sidecarRuns)
		assert.NilError(t, err, name)
		assert.Assert(t, quiet > 0, name)
		assert.Assert(t, h.held(), name)
		_, err = b.Hold(t.Context(), sidecarRuns)
		assert.NilError(t, err, name)
		end(b, host)
		eventually(t, "it is let go when the command is "+name, func() bool { return !h.held() })
	}
}

// Two commands may hold at once, as where one project has two folders.
func TestTheLastHoldCounts(t *testing.T) {
	h := newHouse(t, 1)
	first, _ := h.balancer()
	second, _ := h.balancer()
	for _, b := range []*Balancer{first, second} {
		_, err := b.Hold(t.Context(), sidecarRuns)
		assert.NilError(t, err)
	}
	assert.NilError(t, first.Release())
	status, err := second.Status(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, status.Project, "shop")
	assert.Assert(t, h.held())
	assert.NilError(t, second.Release())
	eventually(t, "both are gone", func() bool { return !h.held() })
}

// What the sidecar has begun comes to its end first, or is given up.
func TestAHoldWaitsForWorkUnderWay(t *testing.T) {
	h := newHouse(t, 1)
	leave, shut, ok := h.sidecar.gate.enter()
	assert.Assert(t, ok)
	b, _ := h.balancer()
	got := make(chan time.Duration, 1)
	go func() {
		quiet, err := b.Hold(t.Context(), sidecarRuns)
		assert.Check(t, err)
		got <- quiet
	}()
	<-shut // who works is told
	select {
	case <-got:
		t.Fatal("it did not wait")
	default:
	}
	leave()
	assert.Assert(t, <-got < time.Second)
	_, _, ok = h.sidecar.gate.enter()
	assert.Assert(t, !ok)
}

func TestASidecarThatStartsIsHeld(t *testing.T) {
	h := newHouse(t, 1)
	h.stop()
	b, host := h.balancer()
	b.Started(plan.Container{Name: "shop-web-1"})
	assert.Equal(t, host.dials, 0)
	b.Started(plan.Container{Name: "shop-hyper-lite-sidecar"})
	h.run()
	eventually(t, "it is held", h.held)
	assert.NilError(t, b.Release())
	eventually(t, "it is let go", func() bool { return !h.held() })
	_, err := b.Hold(t.Context(), sidecarRuns)
	assert.NilError(t, err)
	h.stop()
	h.run()
	b.Started(plan.Container{Name: "shop-hyper-lite-sidecar"})
	eventually(t, "the one in its place is held, too", h.held)
	assert.NilError(t, b.Release())
	host.refuse(1000)
	b.Started(plan.Container{Name: "shop-hyper-lite-sidecar"})
	assert.NilError(t, b.Release(), "what waits for a sidecar that never comes is given up")
}

// What is asked right after a sidecar's start goes on: nobody closes the session under it any more.
func TestASessionOpenedAfterTheStartStays(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	for range 50 {
		b.Started(plan.Container{Name: "shop-hyper-lite-sidecar"})
		session, err := b.open(t.Context())
		assert.NilError(t, err)
		b.stopWaiting() // until all that the start began is over
		assert.NilError(t, wait(t.Context(), session, rpcName+".Hello", Nothing{}, &HelloReply{}))
	}
	assert.NilError(t, b.Release())
}

func TestHoldAsksNobodyWhoIsNotThere(t *testing.T) {
	b := NewBalancer(nil, "shop")
	for _, have := range []plan.Observed{{}, {Replicas: []plan.Replica{{Role: compose.RoleSidecar, State: plan.Exited}}}} {
		quiet, err := b.Hold(t.Context(), have)
		assert.NilError(t, err)
		assert.Equal(t, quiet, never)
	}
}

// older is a sidecar of before there was Hold.
type older struct{ Host }

type olderSidecar struct{}

func (olderSidecar) Hello(_ Nothing, reply *HelloReply) error { reply.Project = "shop"; return nil }

func (older) Dial(context.Context, string, []string) (io.ReadWriteCloser, error) {
	here, there := net.Pipe()
	server := rpc.NewServer()
	if err := server.RegisterName(rpcName, olderSidecar{}); err != nil {
		return nil, err
	}
	go server.ServeCodec(jsonrpc.NewServerCodec(there))
	return here, nil
}

func TestAnOlderSidecarNeedsNoHold(t *testing.T) {
	b := NewBalancer(older{}, "shop")
	quiet, err := b.Hold(t.Context(), sidecarRuns)
	assert.NilError(t, err)
	assert.Equal(t, quiet, never)
	assert.NilError(t, b.Close())
}

// hanging is a host whose sidecar never answers.
type hanging struct{ Host }

func (hanging) Dial(ctx context.Context, _ string, _ []string) (io.ReadWriteCloser, error) {
	return nil, errors.New("no answer")
}

func (hanging) Do(ctx context.Context, _ plan.Step) error { <-ctx.Done(); return ctx.Err() }

func TestASidecarThatHangsBlocksNobody(t *testing.T) {
	b := NewBalancer(hanging{}, "shop")
	b.answers = 200 * time.Millisecond
	begun := time.Now()
	_, err := b.Hold(t.Context(), sidecarRuns)
	assert.ErrorContains(t, err, "sidecar shop-hyper-lite-sidecar cannot be told to wait")
	assert.Assert(t, time.Since(begun) < 5*time.Second)
}

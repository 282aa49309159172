package lb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

func TestSessionIsOpenedAnewOnce(t *testing.T) {
	h := newHouse(t, 1)
	b, host := h.balancer()
	_, err := b.Status(t.Context())
	assert.NilError(t, err)
	host.cut()
	_, err = b.Status(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, host.dials, 2)
}

func TestSidecarThatIsJustStarting(t *testing.T) {
	h := newHouse(t, 1)
	b, host := h.balancer()
	host.down = 3
	_, err := b.Status(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, host.dials, 4)
}

func TestSidecarThatDoesNotAnswer(t *testing.T) {
	h := newHouse(t, 1)
	b, host := h.balancer()
	b.patience, host.down = 100*time.Millisecond, 1000
	_, err := b.Status(t.Context())
	unhealthy, ok := errors.AsType[*plan.UnhealthyError](err)
	assert.Assert(t, ok && unhealthy.System, "%v", err)
	assert.Equal(t, unhealthy.Container.Name, "shop-hyper-lite-sidecar")
	assert.Equal(t, unhealthy.Reason, "it does not answer: container is restarting")
}

func TestSidecarThatCannotRunIsWaitedForNoLonger(t *testing.T) {
	h := newHouse(t, 1)
	b, host := h.balancer()
	b.patience, b.doubt, host.down = time.Hour, time.Millisecond, 1000
	host.dead = fmt.Errorf("await: %w", &plan.UnhealthyError{Reason: "restart loop, last exited (1)"})
	_, err := b.Status(t.Context())
	unhealthy, ok := errors.AsType[*plan.UnhealthyError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, unhealthy.Reason, "restart loop, last exited (1)")
	assert.Equal(t, unhealthy.Condition, plan.AwaitRunning)
}

func TestCallEndsWithItsContext(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	_, err := b.Status(t.Context())
	assert.NilError(t, err)
	ref := refs("web", 1)[0]
	h.backends[ref].set(500)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = b.Do(ctx, h.await(ref, time.Hour))
	assert.Assert(t, errors.Is(err, context.DeadlineExceeded), "%v", err)
}

func TestSidecarOfAnotherProject(t *testing.T) {
	h := newHouse(t, 1)
	b := NewBalancer(&otherProject{&fakeHost{house: h}}, "blog")
	b.patience = 100 * time.Millisecond
	_, err := b.Status(t.Context())
	unhealthy, ok := errors.AsType[*plan.UnhealthyError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, unhealthy.Reason, "it does not answer: it belongs to project shop")
}

type otherProject struct{ *fakeHost }

func (o *otherProject) Dial(ctx context.Context, _ string, argv []string) (io.ReadWriteCloser, error) {
	return o.fakeHost.Dial(ctx, "shop-hyper-lite-sidecar", argv)
}

func TestStepOfSomebodyElse(t *testing.T) {
	b := NewBalancer(nil, "shop")
	err := b.Do(t.Context(), plan.Start{Container: plan.Container{Ref: refs("web", 1)[0]}})
	assert.ErrorContains(t, err, "start web.1@1: not a step of the balancer")
}

// Two sidecars are never at one socket: a killed one's is taken over, and is only its owner's.
func TestListenTakesOverAnOldSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "run", "s")
	old, err := listen(socket)
	assert.NilError(t, err)
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	assert.NilError(t, old.Close())
	listener, err := listen(socket)
	assert.NilError(t, err)
	assert.NilError(t, listener.Close())
}

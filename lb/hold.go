package lb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/rpc"
	"strings"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

const (
	answersWithin = 5 * time.Second  // how long a command tries to reach the sidecar to hold it
	yieldsWithin  = 45 * time.Second // how long it waits for the end of what the sidecar has begun
)

// never is for how long a sidecar has been quiet that does nothing by itself.
const never = time.Duration(math.MaxInt64)

// Hold makes the sidecar leave the project's containers alone until Release, and says for how long it has done so
// already. It ends with our process too, however that ends. Where no sidecar runs, or an older one that does nothing
// by itself, there is nothing to hold. One that does not answer in time is an error: it may do as it likes.
func (b *Balancer) Hold(ctx context.Context, have plan.Observed) (time.Duration, error) {
	if sidecar, ok := withRole(have, compose.RoleSidecar); !ok || sidecar.State != plan.Running {
		return never, nil
	}
	b.setHolding(true)
	opening, cancel := context.WithTimeout(ctx, b.answers)
	defer cancel()
	if _, err := b.open(opening); err != nil {
		return 0, b.unheld(err)
	}
	waiting, cancel := context.WithTimeout(ctx, yieldsWithin)
	defer cancel()
	var reply HoldReply
	err := b.call(waiting, "Hold", Nothing{}, &reply)
	if IsOlder(err) {
		return never, nil
	}
	if err != nil {
		return 0, b.unheld(err)
	}
	return reply.Quiet, nil
}

func (b *Balancer) unheld(err error) error {
	return fmt.Errorf("sidecar %s cannot be told to wait, and may replace or remove containers meanwhile: %w", SidecarName(b.project), err)
}

// IsOlder says that the sidecar is older than the method that it was asked for, or has nobody who answers to it.
func IsOlder(err error) bool {
	var answer rpc.ServerError
	return errors.As(err, &answer) && strings.HasPrefix(string(answer), "rpc: can't find ")
}

// Started tells that a container was started. A sidecar is held as soon as it answers, which nobody waits for: one that
// has just begun does nothing by itself for a while.
func (b *Balancer) Started(c plan.Container) {
	if c.Name != SidecarName(b.project) {
		return
	}
	b.setHolding(true)
	b.stopWaiting()
	b.forget()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	b.state.Lock()
	b.giveUp = func() { cancel(); <-ended }
	b.state.Unlock()
	go func() {
		defer close(ended)
		_, _ = b.open(ctx) // opening holds; who needs an answer asks for one
	}()
}

// forget ends the session that led to the sidecar that was, and keeps no error of it. One that is being opened at this
// moment can lead to the new one only, and is somebody's already.
func (b *Balancer) forget() {
	if !b.mu.TryLock() {
		return
	}
	defer b.mu.Unlock()
	if b.session != nil {
		_ = b.session.Close() // its other end is gone
		b.session = nil
	}
}

// stopWaiting ends the wait for a sidecar that was just started.
func (b *Balancer) stopWaiting() {
	b.state.Lock()
	giveUp := b.giveUp
	b.giveUp = nil
	b.state.Unlock()
	if giveUp != nil {
		giveUp()
	}
}

// Release lets the sidecar work by itself again. The session ends, and a new one begins at the next need.
func (b *Balancer) Release() error {
	b.setHolding(false)
	return b.Close()
}

func (b *Balancer) setHolding(holding bool) {
	b.state.Lock()
	defer b.state.Unlock()
	b.holding = holding
}

func (b *Balancer) isHolding() bool {
	b.state.Lock()
	defer b.state.Unlock()
	return b.holding
}

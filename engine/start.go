package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// start leaves a running container alone. Where the engine refuses because a host port is taken, the
// error names the port and, as far as can be known, its holder.
func (e *Engine) start(ctx context.Context, step plan.Start) error {
	id, err := e.own(ctx, step.Container)
	if err != nil {
		return err
	}
	if id == "" {
		return fmt.Errorf("there is no container %s", step.Name)
	}
	err = e.client.ContainerStart(ctx, id, container.StartOptions{})
	if err == nil {
		e.noteStart(id)
		return nil
	}
	if conflict := e.portConflict(ctx, id); conflict != nil {
		return conflict
	}
	return refused(err, step.Ref.Service)
}

// StartError says that the engine cannot begin a container's process: there is no such program, it may not be run,
// or something in its place is mounted over.
type StartError struct {
	Service string
	Err     error // the engine's
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// Hint is where to look.
func (e *StartError) Hint() string {
	return "look at entrypoint and command of " + e.Service + ", and at what its volumes cover"
}

// refused makes a StartError of what the engine calls a mistake of the one who asked.
func refused(err error, service string) error {
	if errdefs.IsInvalidArgument(err) {
		return &StartError{service, err}
	}
	return err
}

func (e *Engine) noteStart(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started[id] = time.Now()
}

// portConflict looks for a host port that the container wants and something else has; nil where there is
// none.
func (e *Engine) portConflict(ctx context.Context, id string) error {
	wanted, err := e.client.ContainerInspect(ctx, id)
	if err != nil || len(wanted.HostConfig.PortBindings) == 0 {
		return nil
	}
	running, err := e.client.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil // the engine's own error is told
	}
	var conflicts plan.ConflictErrors
	for _, port := range slices.Sorted(maps.Keys(wanted.HostConfig.PortBindings)) {
		for _, binding := range wanted.HostConfig.PortBindings[port] {
			if conflict := e.holderOf(port, binding, id, running); conflict != nil {
				conflicts = append(conflicts, conflict)
			}
		}
	}
	switch len(conflicts) {
	case 0:
		return nil
	case 1:
		return conflicts[0]
	}
	return conflicts
}

func (e *Engine) holderOf(port nat.Port, binding nat.PortBinding, id string, running []container.Summary) *plan.ConflictError {
	number, err := strconv.Atoi(binding.HostPort)
	if err != nil || number == 0 {
		return nil // the engine chooses
	}
	conflict := &plan.ConflictError{
		What: fmt.Sprintf("port %d/%s", number, port.Proto()),
		Hint: "stop its holder, or publish another port",
	}
	for _, c := range running {
		for _, p := range c.Ports {
			if c.ID != id && int(p.PublicPort) == number && p.Type == port.Proto() && compose.SameAddress(p.IP, binding.HostIP) {
				conflict.Holder = describe(c.ID, nameOf(c), c.Labels)
				return conflict
			}
		}
	}
	if e.endpoint.local() && occupied(port.Proto(), binding.HostIP, number) {
		conflict.Holder = "a process of this machine that is no container"
		return conflict
	}
	return nil
}

// occupied says whether a port of this machine is taken.
func occupied(protocol, ip string, number int) bool {
	address := net.JoinHostPort(cmp.Or(ip, ""), strconv.Itoa(number))
	if protocol == "udp" {
		probe, err := net.ListenPacket("udp", address)
		if err != nil {
			return errors.Is(err, syscall.EADDRINUSE)
		}
		return probe.Close() != nil
	}
	probe, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Is(err, syscall.EADDRINUSE)
	}
	return probe.Close() != nil
}

package lb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Memory is what the sidecar remembers of a project's replicas.
type Memory struct {
	Replicas map[plan.Ref]Judged // those that are published, or replaced when they stay unhealthy
	Heals    []Heal              // the last replacements, the oldest first
}

// Judged is what the sidecar holds of one replica.
type Judged struct {
	Healthy  bool
	Since    time.Time
	Reason   string    // why it is not healthy
	Attempts int       // replacements of its slot since that was last healthy for long enough
	Next     time.Time // no replacement before; zero: none has been tried
}

// Remembered is read from the volume, whether the sidecar runs or not, and changes nothing.
func (b *Balancer) Remembered(ctx context.Context, replicas []plan.Replica) (Memory, error) {
	m := Memory{Replicas: map[plan.Ref]Judged{}}
	r, err := b.readRecord(ctx, plan.Observed{Replicas: replicas})
	if err != nil || r == nil {
		return m, err
	}
	m.Heals = r.Heals
	for _, c := range r.Cares {
		if c.Sick.IsZero() && c.Well.IsZero() { // it does not run, or is on its way in or out
			continue
		}
		j := Judged{Healthy: c.Sick.IsZero(), Since: c.Well, Reason: c.Reason, Attempts: c.Attempt, Next: c.Next}
		if !j.Healthy {
			j.Since = c.Sick
		}
		m.Replicas[c.Ref] = j
	}
	for _, p := range r.Services {
		for _, v := range p.Health { // what gets traffic is known better by who sends it
			j := m.Replicas[v.Ref]
			j.Healthy, j.Since, j.Reason = v.Up, v.Since, v.Reason
			m.Replicas[v.Ref] = j
		}
	}
	return m, nil
}

// readRecord reads the sidecar's record through whichever of the system's containers is there; nil where none is, and
// an empty one where nothing was ever kept.
func (b *Balancer) readRecord(ctx context.Context, have plan.Observed) (*record, error) {
	holder, ok := withRole(have, compose.RoleSidecar)
	folder := SidecarFolder
	if !ok {
		holder, ok = withRole(have, compose.RoleBalancer)
		folder = Folder
	}
	if !ok {
		return nil, nil
	}
	text, err := b.host.ReadFile(ctx, holder.ID, path.Join(folder, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &record{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what the balancer serves: %w", err)
	}
	r, err := decodeRecord(text)
	if err != nil {
		return nil, &UnreadableError{Container: holder.Name, Err: err}
	}
	return &r, nil
}

package engine

import (
	"context"
	"time"
)

// pause is the wait between two looks: short at first, then longer.
type pause struct{ next time.Duration }

const longestPause = 250 * time.Millisecond

func newPause() *pause { return &pause{next: 15 * time.Millisecond} }

func (p *pause) wait(ctx context.Context) error {
	now := p.next
	p.next = min(p.next*3/2, longestPause)
	return sleep(ctx, now)
}

// sleep waits, or ends early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

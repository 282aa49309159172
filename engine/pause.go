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
	timer := time.NewTimer(p.next)
	defer timer.Stop()
	p.next = min(p.next*3/2, longestPause)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

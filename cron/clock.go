package cron

import "time"

// SystemClock is the clock of this host.
type SystemClock struct{ begun time.Time }

// NewSystemClock returns a clock by which no time has passed yet.
func NewSystemClock() SystemClock { return SystemClock{begun: time.Now()} }

// Now is the time of day.
func (SystemClock) Now() time.Time { return time.Now().Round(0) }

// Passed is what has passed while the host was awake.
func (c SystemClock) Passed() time.Duration { return time.Since(c.begun) }

// After tells when a time has passed.
func (SystemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

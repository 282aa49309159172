package plan

import (
	"fmt"
	"strings"
	"time"
)

// UnhealthyError says that a replica did not become what a step awaited.
type UnhealthyError struct {
	Container Container
	System    bool // it is the balancer or the sidecar, which are no services of the files
	Condition Condition
	Reason    string        // "exited (1)", "health check failed", "nothing accepts connections on port 80"
	After     time.Duration // how long it was awaited
	LastLog   []string      // the container's last log lines, oldest first
	Health    string        // output of its last failed health check; may be empty
}

func (e *UnhealthyError) Error() string {
	return fmt.Sprintf("await %s %s: %s after %s", e.Container.Ref, e.Condition, e.Reason, e.After.Round(100*time.Millisecond))
}

// ConflictError says that something on the host that is not ours stands in the way. Nothing was changed.
type ConflictError struct {
	What   string // "port 8080/tcp", "container name shop-web-1"
	Holder string // "container blog-proxy of project blog"
	Hint   string // what to do next
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is taken by %s", e.What, e.Holder)
}

// ConflictErrors is every conflict of one plan.
type ConflictErrors []*ConflictError

func (e ConflictErrors) Error() string {
	lines := make([]string, len(e))
	for i, c := range e {
		lines[i] = c.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single ConflictError.
func (e ConflictErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, c := range e {
		errs[i] = c
	}
	return errs
}

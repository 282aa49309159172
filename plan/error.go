package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hyper-lite/compose"
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

// RunsError says that a container which is to be removed runs: something started it after the look at the host.
type RunsError struct {
	Container Container
	Err       error // the engine's
}

func (e *RunsError) Error() string { return e.Err.Error() }

func (e *RunsError) Unwrap() error { return e.Err }

// HookError says that a hook exited with an error.
type HookError struct {
	Container Container // whose hook it is
	Phase     string    // PreStart, ...
	Index     int       // from 1
	Command   []string
	Code      int
	Output    []string // its last lines, oldest first
}

func (e *HookError) Error() string {
	text := fmt.Sprintf("%s hook %d (%s) exited %d", e.Phase, e.Index, shortened(strings.Join(e.Command, " ")), e.Code)
	output := strings.TrimSpace(strings.Join(e.Output, "\n"))
	switch {
	case output == "":
		return text
	case strings.Contains(output, "\n"):
		return text + ":\n" + output
	}
	return text + ": " + output
}

// shortened is a command on one line that is not too long to read.
func shortened(command string) string {
	const most = 60
	words := []rune(strings.Join(strings.Fields(command), " "))
	if len(words) <= most {
		return string(words)
	}
	return string(words[:most]) + "..."
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

// RolloutError says that replicas of a service could not be replaced, and what was done about it.
type RolloutError struct {
	Service string
	Failed  []Container // they are stopped, and kept until the next `up`
	Action  string      // compose.PauseOnFailure, ...; what was done, which may be less than the file asks for
	Back    int         // the revision that the service went back to; 0: none
	Note    string      // why less was done than the file asks for
	Err     error       // why they could not be replaced
	Undone  error       // why the action could not be done; nil where it was
}

func (e *RolloutError) Error() string {
	if done := e.Done(); done != "" {
		return fmt.Sprintf("%v; %s", e.Err, done)
	}
	return e.Err.Error()
}

// Done is what was done about it, "" where the run ended before.
func (e *RolloutError) Done() string {
	if e.Undone != nil {
		return fmt.Sprintf("%s: %s could not be done: %v", e.Service, e.Action, e.Undone)
	}
	switch e.Action {
	case compose.PauseOnFailure:
		return "the rollout of " + e.Service + " is paused: what was not replaced yet stays as it was"
	case compose.ContinueOnFailure:
		return "the rollout of " + e.Service + " went on with the other replicas"
	case compose.RollBackOnFailure:
		return fmt.Sprintf("%s was rolled back to revision %d", e.Service, e.Back)
	}
	return ""
}

// Hint is what was done, and where to look.
func (e *RolloutError) Hint() string {
	lines := []string{e.Done(), e.Note}
	var kept []string
	for _, c := range e.Failed {
		if strings.HasSuffix(c.Name, failedSuffix(c.Ref.Generation)) {
			kept = append(kept, c.Name)
		}
	}
	if len(kept) > 0 {
		lines = append(lines, "kept for inspection until the next `up`: "+strings.Join(kept, ", "))
	}
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return line == "" }), "\n")
}

// Unwrap lets errors.As find the UnhealthyError.
func (e *RolloutError) Unwrap() []error {
	if e.Undone == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Undone}
}

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"hyper-lite/compose"
	"hyper-lite/plan"
	"hyper-lite/state"
)

// The exit codes, as the README lists them.
const (
	exitDone        = 0
	exitError       = 1
	exitUsage       = 2
	exitUnhealthy   = 3 // not healthy, or rolled back
	exitUnreachable = 4 // no engine
	exitLocked      = 5 // another command works on the project
	exitInterrupted = 130
	exitUnread      = 141 // as a shell tells of what ended by SIGPIPE
)

// exitCodes are those of hyper-lite itself, as help tells them. exec, run, attach and wait end with those of others.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitDone, "done"},
	{exitError, "error"},
	{exitUsage, "wrong usage; or changes, with plan --detailed-exitcode"},
	{exitUnhealthy, "a replica did not become healthy, or a rollout failed or was rolled back"},
	{exitUnreachable, "the engine is out of reach"},
	{exitLocked, "another command holds the project"},
	{exitInterrupted, "interrupted"},
	{exitUnread, "nobody reads the output any more"},
}

// usageError says that the command line is wrong.
type usageError struct {
	msg  string
	hint string
}

func (e *usageError) Error() string { return e.msg }
func (e *usageError) Hint() string  { return e.hint }

func usagef(format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...)}
}

// errInterrupted stands beside every error of a program that the user interrupted.
var errInterrupted = errors.New("interrupted")

// codeError ends the program with a code and no message: what there is to say was said.
type codeError int

func (e codeError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// hinted adds what to do to an error.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }
func (e *hinted) Hint() string  { return e.hint }

// exitCode is the one place that turns an error into the program's exit code.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if code, ok := errors.AsType[codeError](err); ok {
		return int(code)
	}
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*plan.UnhealthyError](err); ok || errors.As(err, new(*plan.RolloutError)) {
		return exitUnhealthy
	}
	if isUnreachable(err) {
		return exitUnreachable
	}
	if _, ok := errors.AsType[*state.LockedError](err); ok {
		return exitLocked
	}
	return exitError
}

// printError is the one place that prints an error: `error:` and what is wrong, then what helps.
func printError(out io.Writer, paint palette, err error) {
	if err == nil {
		return
	}
	if exitCode(err) == exitInterrupted {
		if errors.As(err, new(codeError)) {
			return
		}
		fmt.Fprintf(out, "%s interrupted\n", paint.bad("error:"))
		hint := "what was done stays; type the same command again to go on from there"
		if with, ok := errors.AsType[*hinted](err); ok { // it knows better
			hint = with.hint
		}
		printHint(out, paint, hint)
		return
	}
	var failed []string // services
	kept := "; what failed is kept until the next `up`"
	if errors.As(err, new(*plan.RolloutError)) {
		kept = "" // said already, with the names
	}
	for _, one := range each(err) {
		printOne(out, paint, one)
		if unhealthy, ok := errors.AsType[*plan.UnhealthyError](one); ok && unhealthy.System {
			printHint(out, paint, fmt.Sprintf("`docker logs %s` shows more; `%s down`, then `%s up` makes it anew",
				unhealthy.Container.Name, programName, programName))
		} else if ok {
			failed = append(failed, unhealthy.Container.Ref.Service)
		}
	}
	slices.Sort(failed)
	if len(failed) > 0 {
		printHint(out, paint, fmt.Sprintf("`%s logs %s` shows more%s", programName, strings.Join(slices.Compact(failed), " "), kept))
	}
}

// each takes joined errors apart, and leaves out what was cancelled because of another.
func each(err error) []error {
	if with, ok := err.(*hinted); ok {
		all := each(with.error)
		all[len(all)-1] = &hinted{all[len(all)-1], with.hint}
		return all
	}
	parts := joined(err)
	if parts == nil {
		return []error{err}
	}
	var all []error
	for _, e := range parts {
		for _, one := range each(e) {
			said := func(other error) bool { return other.Error() == one.Error() }
			if !slices.ContainsFunc(all, said) {
				all = append(all, one)
			}
		}
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(e error) bool { return errors.Is(e, context.Canceled) })
	if len(rest) > 0 {
		return rest
	}
	return all
}

// joined are the errors that stand side by side in one, or nil. An error that tells a story of its own around
// several others is one error.
func joined(err error) []error {
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	parts := list.Unwrap()
	texts := make([]string, len(parts))
	for at, part := range parts {
		texts[at] = part.Error()
	}
	if err.Error() != strings.Join(texts, "\n") {
		return nil
	}
	return parts
}

func printOne(out io.Writer, paint palette, err error) {
	if errors.As(err, new(codeError)) {
		return
	}
	if field, ok := errors.AsType[*compose.FieldError](err); ok {
		printField(out, paint, field)
		if with, ok := err.(*hinted); ok {
			printHint(out, paint, with.hint)
		}
		return
	}
	if unhealthy, ok := errors.AsType[*plan.UnhealthyError](err); ok {
		printUnhealthy(out, paint, err, unhealthy)
		return
	}
	if hook, ok := errors.AsType[*plan.HookError](err); ok {
		printHook(out, paint, err, hook)
		return
	}
	fmt.Fprintf(out, "%s %s\n", paint.bad("error:"), indented(err.Error(), "       "))
	printHint(out, paint, hintOf(err))
}

func printField(out io.Writer, paint palette, field *compose.FieldError) {
	plain := *field
	plain.Hint = ""
	fmt.Fprintf(out, "%s %s\n", paint.bad("error:"), plain.Error())
	printHint(out, paint, field.Hint)
}

// printUnhealthy shows what a reader needs to find the cause: the replica, why it was given up, its health
// check's output and its last words.
func printUnhealthy(out io.Writer, paint palette, err error, u *plan.UnhealthyError) {
	reason := u.Reason
	if u.After > 0 {
		reason += fmt.Sprintf(" after %s", u.After.Round(100*time.Millisecond))
	}
	fmt.Fprintf(out, "%s %s is not %s: %s\n", paint.bad("error:"), replicaName(u.Container), became(u.Condition), reason)
	if u.Health != "" {
		fmt.Fprintf(out, "  health check: %s\n", indented(strings.TrimSpace(u.Health), "                "))
	}
	if len(u.LastLog) > 0 {
		fmt.Fprintln(out, "  last log lines:")
		for _, line := range u.LastLog {
			fmt.Fprintf(out, "    %s\n", printable(line))
		}
	}
	printHint(out, paint, hintOf(err))
}

// printHook shows which hook failed, and its last words.
func printHook(out io.Writer, paint palette, err error, h *plan.HookError) {
	silent := *h
	silent.Output = nil
	fmt.Fprintf(out, "%s %s: %s\n", paint.bad("error:"), replicaName(h.Container), printable(silent.Error()))
	if len(h.Output) > 0 {
		fmt.Fprintln(out, "  last lines of its output:")
		for _, line := range h.Output {
			fmt.Fprintf(out, "    %s\n", printable(line))
		}
	}
	printHint(out, paint, hintOf(err))
}

// replicaName is a container as the user knows it.
func replicaName(c plan.Container) string {
	if c.Name == "" {
		return c.Ref.String()
	}
	return fmt.Sprintf("%s (container %s)", c.Ref, c.Name)
}

// hintOf is what the error itself says to do.
func hintOf(err error) string {
	var with interface {
		error
		Hint() string
	}
	if errors.As(err, &with) {
		return with.Hint()
	}
	if conflict, ok := errors.AsType[*plan.ConflictError](err); ok {
		return conflict.Hint
	}
	if missing, ok := errors.AsType[*plan.MissingError](err); ok {
		return missing.Hint
	}
	return ""
}

func printHint(out io.Writer, paint palette, hint string) {
	for line := range strings.SplitSeq(hint, "\n") {
		if line != "" {
			fmt.Fprintf(out, "%s %s\n", paint.note(" hint:"), line)
		}
	}
}

func indented(words, by string) string {
	return strings.ReplaceAll(words, "\n", "\n"+by)
}

// printable keeps a container's words from driving the terminal: escape sequences and control characters other
// than tab are dropped.
func printable(words string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r == 0x7f) {
			return -1
		}
		return r
	}, text.StripEscape(words))
}

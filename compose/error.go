package compose

import (
	"fmt"
	"strings"
)

// FieldError is one mistake in a file, with its place.
type FieldError struct {
	File         string // as the user named it
	Line, Column int    // from 1; 0 where the place is unknown
	Path         string // "services.web.replicas"
	Msg          string // what is wrong and what is allowed
	Hint         string // what to do: "did you mean `replicas`?"; may be empty
}

func (e *FieldError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// FieldErrors is every mistake of the files, in the order of files and lines.
type FieldErrors []*FieldError

func (e FieldErrors) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single FieldError.
func (e FieldErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, f := range e {
		errs[i] = f
	}
	return errs
}

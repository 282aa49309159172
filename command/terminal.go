package command

import (
	"io"
	"os"

	"golang.org/x/term"
)

// IO is where the program reads and writes: data on Out, progress and words for humans on Err.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// isTerminal judges one stream: the one that is written to or read from.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// terminalWidth is the number of columns of a terminal, or 0 where it is unknown.
func terminalWidth(stream any) int {
	file, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// coloured decides whether escapes may be written to a stream. mode is --ansi: never, always or auto.
func coloured(mode string, stream any, env map[string]string) bool {
	switch mode {
	case "never":
		return false
	case "always":
		return true
	}
	return env["NO_COLOR"] == "" && env["TERM"] != "dumb" && isTerminal(stream)
}

// palette paints words, or leaves them as they are.
type palette bool

func (p palette) paint(code, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p palette) bad(text string) string  { return p.paint("31", text) }
func (p palette) good(text string) string { return p.paint("32", text) }
func (p palette) warn(text string) string { return p.paint("33", text) }
func (p palette) note(text string) string { return p.paint("36", text) }
func (p palette) faint(text string) string {
	return p.paint("2", text)
}

// serviceColours are given to services in their order, so that neighbours differ.
var serviceColours = []string{"36", "33", "32", "35", "34", "96", "93", "92", "95", "94"}

func (p palette) service(order int, text string) string {
	return p.paint(serviceColours[order%len(serviceColours)], text)
}

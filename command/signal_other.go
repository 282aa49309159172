//go:build !unix

package command

import (
	"context"
	"os"
	"syscall"
)

// signalNames are the signals that are passed on to a container, as the engine calls them.
var signalNames = map[os.Signal]string{os.Interrupt: "SIGINT", syscall.SIGTERM: "SIGTERM"}

// resizes tells when the terminal may have another size: here nobody says.
func resizes() (changed <-chan os.Signal, stop func()) { return nil, func() {} }

// heedPipes has nothing to do here: no write ends the process.
func heedPipes() (stop func()) { return func() {} }

// awaitUnread cannot be told here: the next write does.
func awaitUnread(context.Context, any) bool { return false }

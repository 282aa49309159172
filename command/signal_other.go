//go:build !unix

package command

import (
	"os"
	"syscall"
)

// signalNames are the signals that are passed on to a container, as the engine calls them.
var signalNames = map[os.Signal]string{os.Interrupt: "SIGINT", syscall.SIGTERM: "SIGTERM"}

// resizes tells when the terminal may have another size: here nobody says.
func resizes() (changed <-chan os.Signal, stop func()) { return nil, func() {} }

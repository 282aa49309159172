// hyper-lite reads an extended compose file and converges it on the local Docker engine.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"hyper-lite/command"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once, unless a command listens to it
	os.Exit(command.Run(ctx, os.Args, command.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, version))
}

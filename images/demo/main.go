// Command demo is the application of the examples and of the scenario tests: a static binary whose
// every answer tells which replica gave it, and whose health, speed and end can be steered from
// outside. It is no part of hyper-lite and knows nothing of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const usage = `usage: demo [COMMAND]

  serve                  answer on HTTP, HTTPS and TCP until SIGTERM (the default)
  migrate                create the table of orders, waiting for the database, then exit 0
  worker                 pack orders until SIGTERM
  request [METHOD] URL   print the answer's body; exit 1 unless its status is 2xx
  dial ADDRESS           print the first line that a TCP server sends
  wait DURATION [CODE]   sleep, then exit with the code (0)
  exit CODE              exit with the code at once
  kill PID               end another process at once, as a crash would
`

// exitError is a wish to end with a certain code.
type exitError int

func (e exitError) Error() string { return "exit " + strconv.Itoa(int(e)) }

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	err := run(ctx, os.Args[1:], os.Stdout)
	var code exitError
	switch {
	case errors.As(err, &code):
		os.Exit(int(code))
	case err != nil:
		log.Print("demo: ", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		args = []string{"serve"}
	}
	verb, args := args[0], args[1:]
	switch {
	case verb == "serve" && len(args) == 0:
		return serve(ctx, os.Getenv)
	case verb == "migrate" && len(args) == 0:
		return migrate(ctx, os.Getenv)
	case verb == "worker" && len(args) == 0:
		return work(ctx, os.Getenv)
	case verb == "request" && len(args) == 1:
		return request(ctx, "GET", args[0], out)
	case verb == "request" && len(args) == 2:
		return request(ctx, args[0], args[1], out)
	case verb == "dial" && len(args) == 1:
		return dial(ctx, args[0], out)
	case verb == "wait" && len(args) >= 1 && len(args) <= 2:
		return wait(ctx, args)
	case verb == "exit" && len(args) == 1:
		return exitWith(args[0])
	case verb == "kill" && len(args) == 1:
		return kill(args[0])
	}
	fmt.Fprint(out, usage)
	return exitError(2)
}

func wait(ctx context.Context, args []string) error {
	pause, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return exitError(143)
	case <-time.After(pause):
	}
	if len(args) == 1 {
		return nil
	}
	return exitWith(args[1])
}

// kill refuses 0 and 1: a whole group, and the process that all others live by.
func kill(text string) error {
	pid, err := strconv.ParseUint(text, 10, 31)
	if err != nil || pid < 2 {
		return fmt.Errorf("kill %s: not the number of a process", text)
	}
	if err := syscall.Kill(int(pid), syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %d: %w", pid, err)
	}
	return nil
}

func exitWith(text string) error {
	code, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return fmt.Errorf("read exit code: %w", err)
	}
	log.Print("demo: exiting with code ", code)
	return exitError(code)
}

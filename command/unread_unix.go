//go:build unix

package command

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// heedPipes makes writing to a pipe that nobody reads any more an error of that write, until stop is called. Else it ends the
// process.
func heedPipes() (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGPIPE)
	return func() { signal.Stop(signals) }
}

// glance is how often it is asked whether a context ended meanwhile.
const glance = 200 * time.Millisecond

// awaitUnread waits until nobody reads a pipe or a socket any more. It returns false where the context ends before, or where it
// is neither.
func awaitUnread(ctx context.Context, stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	if is, err := file.Stat(); err != nil || is.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return false
	}
	asked := []unix.PollFd{{Fd: int32(file.Fd())}}
	for ctx.Err() == nil {
		n, err := unix.Poll(asked, int(glance.Milliseconds()))
		if err != nil && err != unix.EINTR { //nolint:errorlint // a number of the kernel's
			return false
		}
		if n > 0 {
			return asked[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 // else it was closed by us
		}
	}
	return false
}

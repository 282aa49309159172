//go:build unix

package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gotest.tools/v3/assert"
)

// An engine that breaks our connection says it in the words of a pipe that nobody reads.
func TestABrokenConnectionIsNoUnreadOutput(t *testing.T) {
	s := upShop(t, shop)
	s.engine.procs.breaks = fmt.Errorf("start container: %w", &net.OpError{Op: "write", Net: "unix", Err: os.NewSyscallError("write", syscall.EPIPE)})
	for _, typed := range []string{"run --rm --no-deps -T db true", "exec -T db true", "attach db"} {
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 1, typed)
		assert.Assert(t, strings.Contains(r.err, "error: start container: write unix: write: broken pipe\n"), "%s: %s", typed, r.err)
		assert.Assert(t, !strings.Contains(strings.Join(s.engine.done, "\n"), "stop "), "%v", s.engine.done)
	}
}

// connected are the two ends of a socket.
func connected(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	assert.NilError(t, err)
	ours, theirs = os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() }) // some tests close them
	return ours, theirs
}

func TestWritingIsUnreadWhereTheOtherEndIsGone(t *testing.T) {
	socket, theirs := connected(t)
	reader, pipe, err := os.Pipe()
	assert.NilError(t, err)
	defer pipe.Close()
	assert.NilError(t, errors.Join(theirs.Close(), reader.Close()))
	for _, stream := range []*os.File{socket, pipe} {
		_, err := heard{stream}.Write([]byte("said"))
		assert.Equal(t, err, errUnread)
		assert.Assert(t, awaitUnread(t.Context(), stream), stream.Name())
	}
	_, err = heard{pipe}.Write(nil)
	assert.NilError(t, err)
	assert.NilError(t, pipe.Close())
	_, err = heard{pipe}.Write([]byte("said"))
	assert.ErrorIs(t, err, os.ErrClosed)
}

// A socket that is read may have something to say to us: that is not its end.
func TestWhatIsReadIsNotUnread(t *testing.T) {
	ours, theirs := connected(t)
	_, err := theirs.WriteString("what we never read")
	assert.NilError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*glance)
	defer cancel()
	assert.Assert(t, !awaitUnread(ctx, ours))
	told := make(chan bool, 1)
	go func() { told <- awaitUnread(t.Context(), ours) }()
	assert.NilError(t, theirs.Close())
	assert.Assert(t, <-told)

	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	assert.NilError(t, err)
	defer file.Close()
	assert.Assert(t, !awaitUnread(t.Context(), file))
}

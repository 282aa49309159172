//go:build unix

package schedule

import (
	"syscall"
	"time"
)

// spent is the processor time that this process has used: a busy machine does not change it much.
func spent() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

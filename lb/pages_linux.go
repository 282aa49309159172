package lb

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// dropPages gives back the pages of the executable. Most are of the program's start, which touches every library
// that any verb needs; the sidecar works on with about half of them. What is asked for again is mapped again, most
// often without a look at the disk, since the kernel keeps it as long as nobody else needs the memory. It returns how
// many bytes were given back: 0 where the system cannot do it, which only costs memory.
func dropPages() int {
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0
	}
	defer maps.Close()
	given := 0
	var from, to uintptr
	ours := false // the lines read are about a part of the executable that nobody may write to
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		line := lines.Text()
		var start, end uintptr
		var rights string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &start, &end, &rights); err == nil {
			from, to = start, end
			ours = strings.HasSuffix(line, " "+own) && !strings.Contains(rights, "w")
			continue
		}
		var changed int
		if _, err := fmt.Sscanf(line, "Anonymous: %d kB", &changed); err != nil || !ours || changed > 0 {
			continue // what differs from the file, as a loader's relocations do, stands nowhere else
		}
		if _, _, failed := syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED); failed == 0 {
			given += int(to - from)
		}
	}
	return given
}

package lb

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// pageOut is MADV_PAGEOUT: give the pages back now. What is asked for again is read again, so nothing is lost.
// Kernels before 5.4 do not know it.
const pageOut = 21

// dropPages gives back the pages of the executable. Most are of the program's start, which touches every library
// that any verb needs; the sidecar works on with about half of them. It returns how many bytes were offered: 0
// where the system cannot do it, which only costs memory.
func dropPages() int {
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0
	}
	defer maps.Close()
	offered := 0
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		var rights string
		line := lines.Text()
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasSuffix(line, " "+own) {
			continue
		}
		if strings.Contains(rights, "w") {
			continue
		}
		if _, _, failed := syscall.Syscall(syscall.SYS_MADVISE, from, to-from, pageOut); failed == 0 {
			offered += int(to - from)
		}
	}
	return offered
}

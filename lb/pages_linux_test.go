package lb

import (
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"gotest.tools/v3/assert"
)

// fromFiles is how much of this process's memory is pages of files, in KiB.
func fromFiles(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	assert.NilError(t, err)
	found := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(text)
	assert.Assert(t, found != nil, "no RssFile in\n%s", text)
	kib, err := strconv.Atoi(string(found[1]))
	assert.NilError(t, err)
	return kib
}

// inMemory is the type of a tmpfs.
const inMemory = 0x01021994

func TestPagesOfTheStartAreGivenBack(t *testing.T) {
	before := fromFiles(t)
	offered := dropPages()
	after := fromFiles(t)
	t.Logf("%d KiB offered, %d KiB before, %d KiB after", offered>>10, before, after)
	var at syscall.Statfs_t
	assert.NilError(t, syscall.Statfs("/proc/self/exe", &at))
	if offered == 0 || at.Type == inMemory {
		return // a kernel that cannot, or a file that has no place but memory
	}
	assert.Assert(t, after < before, "pages were offered, and none was taken")
}

package lb

import (
	"os"
	"regexp"
	"strconv"
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

func TestPagesOfTheStartAreGivenBack(t *testing.T) {
	before := fromFiles(t)
	given := dropPages()
	after := fromFiles(t)
	t.Logf("%d KiB given back, %d KiB before, %d KiB after", given>>10, before, after)
	assert.Assert(t, given > 0)
	assert.Assert(t, after < before, "pages were given back, and all are there")
}

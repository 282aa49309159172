package command

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestCronPauseNeedsASidecar(t *testing.T) {
	s := newShell(t, shopJobs)
	for typed, want := range map[string]result{
		"cron pause nightly":         {1, "", "error: no sidecar of project shop runs: no job fires, and there is nobody to pause one\n hint: `hyper-lite up -d` starts it\n"},
		"cron resume nightly report": {1, "", "error: no sidecar of project shop runs: no job fires, and there is nobody to resume one\n hint: `hyper-lite up -d` starts it\n"},
		"cron pause restore":         {1, "", "error: job restore has no schedule: there is nothing to pause\n"},
		"cron pause web":             {1, "", "error: no such job: web\n hint: web is a service; a job has `cron:`, or stands under `jobs:`\n"},
		"cron pause":                 {2, "", "error: cron pause needs a job\n hint: as in `hyper-lite cron pause nightly`\n"},
	} {
		assert.Equal(t, s.run(strings.Fields(typed)...), want, typed)
	}
}

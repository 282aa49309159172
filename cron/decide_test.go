package cron

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// A runner that begins before a job is registered leaves the runs by hand alone that it finds: how many are kept is not
// known yet.
func TestRunsOfAJobThatIsNotRegisteredYet(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	ended := Run{Name: "shop-tidy-1699999990", Job: "tidy", Fire: now.Add(-10 * time.Second), Attempt: 1, Trigger: Manual, Stage: Ended, Started: now, Finished: now}
	d := DecideGone("shop", "tidy", Memory{}, []Run{ended}, now, Sight{})
	assert.Equal(t, len(d.Actions), 0, "%v", d.Actions)
	assert.Equal(t, len(d.Records), 1)
	later := now.Add(returning)
	assert.Assert(t, !d.Wake.After(later))
	d = DecideGone("shop", "tidy", d.Memory, []Run{ended}, later, Sight{})
	assert.DeepEqual(t, d.Actions, []Action{Remove{Run: ended.Name}})
}

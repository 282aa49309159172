package state

import (
	"encoding/json"
	"testing"

	"gotest.tools/v3/assert"
)

func TestARecordThatCannotBeReadIsNamed(t *testing.T) {
	var d Document
	assert.NilError(t, d.Remember("cron", map[string]int{"a": 1}))
	var back map[string]int
	assert.NilError(t, d.Recall("cron", &back))
	assert.DeepEqual(t, back, map[string]int{"a": 1})
	assert.NilError(t, d.Recall("nothing", &back))
	d.Records["cron"] = json.RawMessage(`[1]`)
	assert.ErrorContains(t, d.Recall("cron", &back), "decode record cron: json: cannot unmarshal array")
}

package engine

import (
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

func TestParseStatus(t *testing.T) {
	for _, test := range []struct {
		status string
		health plan.Health
		code   int
	}{
		{"Up 3 minutes", plan.NoHealth, 0},
		{"Up Less than a second (health: starting)", plan.Starting, 0},
		{"Up About an hour (healthy)", plan.Healthy, 0},
		{"Up 2 weeks (unhealthy)", plan.Unhealthy, 0},
		{"Up 4 seconds (Paused)", plan.NoHealth, 0},
		{"Up 4 seconds (Paused) (healthy)", plan.Healthy, 0},
		{"Exited (0) 3 minutes ago", plan.NoHealth, 0},
		{"Exited (137) About a minute ago", plan.NoHealth, 137},
		{"Exited (-1) 3 minutes ago", plan.NoHealth, -1},
		{"Exited (99999999999999999999) 3 minutes ago", plan.NoHealth, -1},
		{"Restarting (1) Less than a second ago", plan.NoHealth, 1},
		{"Created", plan.NoHealth, 0},
		{"Dead", plan.NoHealth, 0},
		{"Removal In Progress", plan.NoHealth, 0},
		{"", plan.NoHealth, 0},
	} {
		health, code := parseStatus(test.status)
		assert.Equal(t, health, test.health, test.status)
		assert.Equal(t, code, test.code, test.status)
	}
}

package engine

import (
	"regexp"
	"strconv"
	"strings"

	"hyper-lite/plan"
)

var exitCode = regexp.MustCompile(`^(?:Exited|Restarting) \((-?\d+)\)`)

// parseStatus reads health and exit code from the sentence by which the engine lists a container
// ("Up 3 minutes (healthy)", "Exited (137) 2 hours ago"): a list has no field for them. The exit code of
// a container that did not exit is 0.
func parseStatus(status string) (plan.Health, int) {
	if m := exitCode.FindStringSubmatch(status); m != nil {
		code, err := strconv.Atoi(m[1])
		if err != nil {
			code = -1 // out of range: certainly not a success
		}
		return plan.NoHealth, code
	}
	if !strings.HasPrefix(status, "Up ") {
		return plan.NoHealth, 0
	}
	switch {
	case strings.HasSuffix(status, "(healthy)"):
		return plan.Healthy, 0
	case strings.HasSuffix(status, "(unhealthy)"):
		return plan.Unhealthy, 0
	case strings.HasSuffix(status, "(health: starting)"):
		return plan.Starting, 0
	}
	return plan.NoHealth, 0
}

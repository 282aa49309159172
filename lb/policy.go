package lb

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Policy is what the sidecar does by itself with the containers of one service. It stands in the sidecar's own command
// line and not in their labels: a file that says something else of healing needs no new containers.
type Policy struct {
	Service string              `json:"service"`
	Heal    time.Duration       `json:"heal,omitempty"`    // a replica that is unhealthy for longer is replaced; 0: never
	Order   string              `json:"order,omitempty"`   // of a replacement: compose.StartFirst or StopFirst
	Within  time.Duration       `json:"within,omitempty"`  // how long a replica may take to become healthy; 0 is without end
	Drain   time.Duration       `json:"drain,omitempty"`   // the longest wait for open requests
	Destroy compose.Autodestroy `json:"destroy,omitempty"` // which stopped containers are removed
}

// policies are those of a project, by service. Services that the sidecar leaves alone have none.
func policies(project compose.Project) []Policy {
	all := []Policy{}
	for _, s := range project.Services {
		if s.Autoheal == 0 && s.Autodestroy == compose.DestroyNever {
			continue
		}
		p := Policy{Service: s.Name, Destroy: s.Autodestroy}
		if s.Autoheal > 0 {
			p.Heal, p.Order, p.Within, p.Drain = s.Autoheal, s.Rollout.Order, plan.Within(s), s.Rollout.Drain
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Policy) int { return cmp.Compare(a.Service, b.Service) })
	return all
}

func encodePolicies(all []Policy) (string, error) {
	text, err := json.Marshal(all)
	return string(text), err
}

// DecodePolicies reads them from the sidecar's command line; "" is none.
func DecodePolicies(text string) ([]Policy, error) {
	if text == "" {
		return nil, nil
	}
	var all []Policy
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	return all, nil
}

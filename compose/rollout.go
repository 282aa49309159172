package compose

import (
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// OrderFacts is what decides how a service's replicas are replaced.
type OrderFacts struct {
	Order    string // the file's word (deploy.update_config.order), "" if it has none
	HostPort bool   // a container itself publishes a fixed host port
	Address  bool   // a container has a fixed IP or MAC address
	Routed   bool   // the balancer stands before it
	Replicas int
	Volume   bool // a container writes to a named volume
}

// DefaultOrder is the order in which replicas are replaced, and the rule that says so:
//
//	the file's word; else what two containers cannot hold at once (a host port, an address) or should
//	not (a single replica's named volume) means stop-first; else start-first.
func DefaultOrder(f OrderFacts) (order, why string) {
	switch {
	case f.Order != "":
		return f.Order, "deploy.update_config.order"
	case f.HostPort:
		return StopFirst, "publishes a host port"
	case f.Address:
		return StopFirst, "has a fixed address"
	case f.Replicas == 1 && f.Volume:
		return StopFirst, "a single replica writes to a named volume"
	case f.Routed:
		return StartFirst, "routed"
	}
	return StartFirst, "nothing is in the way"
}

const defaultDrain = 10 * time.Second

// rollout reads deploy.update_config and our keys beside it.
func (r *reading) rollout(s Service) Rollout {
	out := Rollout{Parallelism: 1, OnFailure: "pause", Drain: r.settings.Drain}
	if d, ok := asDuration(r.keys["drain"]); ok {
		out.Drain = d
	}
	sequential, _ := asBool(r.keys["sequential_deployment"])
	if u := update(r.body); u != nil {
		out.Delay, out.Monitor = time.Duration(u.Delay), time.Duration(u.Monitor)
		out.MaxFailureRatio = float64(u.MaxFailureRatio)
		if u.Parallelism != nil {
			out.Parallelism = int(*u.Parallelism)
			if sequential && out.Parallelism != 1 {
				r.report("sequential_deployment", "contradicts deploy.update_config.parallelism", "keep one of them")
			}
		}
		if u.FailureAction != "" {
			out.OnFailure = u.FailureAction
		}
		if actions := []string{"pause", "continue", "rollback"}; !slices.Contains(actions, out.OnFailure) {
			r.reportAt([]string{"deploy", "update_config", "failure_action"}, "must be one of pause, continue, rollback", didYouMean(out.OnFailure, actions))
		}
		if u.MaxFailureRatio < 0 || u.MaxFailureRatio > 1 {
			r.reportAt([]string{"deploy", "update_config", "max_failure_ratio"}, "must be a number from 0 to 1", "")
		}
	}
	facts := OrderFacts{
		Order: fileOrder(r.body), HostPort: slices.ContainsFunc(s.Body.Ports, fixed), Address: addressed(s.Body),
		Routed: len(s.Routes) > 0, Replicas: s.Replicas, Volume: writesVolume(s.Body),
	}
	out.Order, out.Why = DefaultOrder(facts)
	if out.Order == StartFirst && facts.HostPort && s.Replicas > 0 {
		r.reportAt([]string{"deploy", "update_config", "order"},
			"start-first cannot be: a container of this service itself publishes a fixed host port", "use stop-first")
	}
	return out
}

func update(s types.ServiceConfig) *types.UpdateConfig {
	if s.Deploy == nil {
		return nil
	}
	return s.Deploy.UpdateConfig
}

// fileOrder is the order that the file asks for, "" if it is silent.
func fileOrder(s types.ServiceConfig) string {
	if u := update(s); u != nil {
		return u.Order
	}
	return ""
}

func addressed(s types.ServiceConfig) bool {
	if s.MacAddress != "" {
		return true
	}
	for _, n := range s.Networks {
		if n != nil && (n.Ipv4Address != "" || n.Ipv6Address != "" || n.MacAddress != "") {
			return true
		}
	}
	return false
}

func writesVolume(s types.ServiceConfig) bool {
	return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Source != "" && !v.ReadOnly
	})
}

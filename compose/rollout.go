package compose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// OrderFacts is what decides how a service's replicas are replaced.
type OrderFacts struct {
	Order    string // the file's word (deploy.update_config.order), "" if it has none
	HostPort bool   // a container itself publishes a fixed host port
	Range    bool   // its range of host ports has one for each replica, and no more
	Address  bool   // a container has a fixed IP or MAC address
	Shared   bool   // a container is in the network of the host or of another container: whatever it listens on is taken
	Routed   bool   // the balancer stands before it
	Replicas int
	Volume   bool // a container writes to a named volume
	Folder   bool // a container writes to a folder of the host
	Web      bool // all its routes are of HTTP: what a folder holds is likely what it serves, and no database
}

// DefaultOrder is the order in which replicas are replaced, and the rule that says so:
//
//	the file's word; else what two containers cannot hold at once (a host port, an address, the ports of a network that
//	is not their own) or should not (a single replica's named volume, or folder of the host where it is no web server behind
//	the balancer) means stop-first; else start-first.
//
// A file that asks for start-first where two containers cannot be side by side is refused: see refusal. What only the host
// shows, a plan adds: anonymous volumes that go over from one container to the next.
func DefaultOrder(f OrderFacts) (order, why string) {
	switch {
	case f.Order != "":
		return f.Order, "deploy.update_config.order"
	case f.HostPort:
		return StopFirst, "publishes a host port"
	case f.Range:
		return StopFirst, "publishes all of a range of host ports"
	case f.Replicas == 1 && f.Shared:
		return StopFirst, "a single replica is in a network that is not its own"
	case f.Address:
		return StopFirst, "has a fixed address"
	case f.Replicas == 1 && f.Volume:
		return StopFirst, "a single replica writes to a named volume"
	case f.Replicas == 1 && f.Folder && !f.Web:
		return StopFirst, "a single replica writes to a folder of the host"
	case f.Routed:
		return StartFirst, "routed"
	}
	return StartFirst, "nothing is in the way"
}

const defaultDrain = 10 * time.Second

// rollouts reads how replicas are replaced and how they are taken back: deploy.update_config, deploy.rollback_config
// and our keys beside them.
func (r *reading) rollouts(s Service) (update, back Rollout) {
	facts := OrderFacts{
		HostPort: slices.ContainsFunc(s.Body.Ports, fixed), Address: addressed(s.Body), Shared: shared(s.Body.NetworkMode),
		Range: slices.ContainsFunc(s.Body.Ports, func(p types.ServicePortConfig) bool {
			n := ranged(p)
			return n > 0 && n <= s.Replicas
		}),
		Routed: len(s.Routes) > 0, Replicas: s.Replicas, Volume: writesVolume(s.Body),
		Folder: writesFolder(s.Body), Web: isWeb(s.Routes),
	}
	base := Rollout{Parallelism: 1, OnFailure: PauseOnFailure, Drain: r.settings.Drain}
	if d, ok := asDuration(r.keys["drain"]); ok {
		base.Drain = d
	}
	update, back = base, base
	if config := updateConfig(r.body); config != nil {
		update = r.configured(update, config, "update_config", PauseOnFailure, ContinueOnFailure, RollBackOnFailure)
		facts.Order = config.Order
	}
	update.Order, update.Why = r.order(facts, "update_config")
	update.Asked = facts.Order != ""
	if config := rollbackConfig(r.body); config != nil {
		back = r.configured(back, config, "rollback_config", PauseOnFailure, ContinueOnFailure)
		if config.Order != "" {
			facts.Order = config.Order
			back.Order, back.Why = r.order(facts, "rollback_config")
			back.Asked = true
			return update, back
		}
	}
	back.Order, back.Why, back.Asked = update.Order, update.Why, update.Asked
	return update, back
}

// configured is a rollout with what the file says under a key of deploy, whose failure_action is one of actions.
func (r *reading) configured(out Rollout, config *types.UpdateConfig, key string, actions ...string) Rollout {
	out.Delay, out.Monitor = time.Duration(config.Delay), time.Duration(config.Monitor)
	out.MaxFailureRatio = decimal(config.MaxFailureRatio)
	if config.Parallelism != nil {
		out.Parallelism = int(*config.Parallelism)
		if sequential, _ := asBool(r.keys["sequential_deployment"]); sequential && out.Parallelism != 1 {
			r.report("sequential_deployment", "contradicts deploy."+key+".parallelism", "keep one of them")
		}
	}
	if config.FailureAction != "" {
		out.OnFailure = config.FailureAction
	}
	if !slices.Contains(actions, out.OnFailure) {
		r.reportAt([]string{"deploy", key, "failure_action"}, "must be one of "+strings.Join(actions, ", "), didYouMean(out.OnFailure, actions))
	}
	if config.MaxFailureRatio < 0 || config.MaxFailureRatio > 1 {
		r.reportAt([]string{"deploy", key, "max_failure_ratio"}, "must be a number from 0 to 1", "")
	}
	return out
}

// decimal is the number as it was written: 0.7, and not the nearest that fits into 32 bits, which is less.
func decimal(f float32) float64 {
	written, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil {
		return float64(f)
	}
	return written
}

// order chooses the order, and refuses one that cannot be.
func (r *reading) order(facts OrderFacts, key string) (order, why string) {
	order, why = DefaultOrder(facts)
	if facts.Order != "" {
		why = "deploy." + key + ".order"
	}
	if reason := facts.refusal(); order == StartFirst && reason != "" {
		r.reportAt([]string{"deploy", key, "order"}, "start-first cannot be: "+reason, "use stop-first")
	}
	return order, why
}

// refusal is why a replacement cannot run beside what it replaces, whatever the file says; "" where it can.
func (f OrderFacts) refusal() string {
	switch {
	case f.Replicas == 0:
	case f.HostPort:
		return "a container of this service itself publishes a fixed host port"
	case f.Range:
		return "the containers of this service publish all of a range of host ports"
	case f.Address:
		return "a container of this service has a fixed address"
	}
	return ""
}

// stranded warns of rollouts that cannot go back, since nothing is kept to go back to.
func (c *conversion) stranded(services []Service) {
	for _, s := range services {
		if c.settings.Revisions == 0 && s.Rollout.OnFailure == RollBackOnFailure {
			c.l.warn(fmt.Sprintf("service %s: failure_action rollback does what pause does, since x-hyper-lite.revisions is 0: there is nothing to go back to", s.Name))
		}
	}
}

func updateConfig(s types.ServiceConfig) *types.UpdateConfig {
	if s.Deploy == nil {
		return nil
	}
	return s.Deploy.UpdateConfig
}

func rollbackConfig(s types.ServiceConfig) *types.UpdateConfig {
	if s.Deploy == nil {
		return nil
	}
	return s.Deploy.RollbackConfig
}

// fileOrder is the order that the file asks for, "" if it is silent.
func fileOrder(s types.ServiceConfig) string {
	if u := updateConfig(s); u != nil {
		return u.Order
	}
	return ""
}

// shared says whether a network mode puts containers into a network that is not their own.
func shared(mode string) bool {
	return mode == "host" || strings.HasPrefix(mode, types.ServicePrefix) || strings.HasPrefix(mode, types.ContainerPrefix)
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

func writesFolder(s types.ServiceConfig) bool {
	return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeBind && !v.ReadOnly
	})
}

func isWeb(routes []Route) bool {
	return len(routes) > 0 && !slices.ContainsFunc(routes, func(r Route) bool { return r.Protocol != HTTP && r.Protocol != HTTPSTerm })
}

func writesVolume(s types.ServiceConfig) bool {
	return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Source != "" && !v.ReadOnly
	})
}

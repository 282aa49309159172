package plan_test

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// situation is what a host shows of service web: "1 2:starting 3@2" are slot 1 as wanted and well, slot 2 whose health
// is not known yet, and slot 3 in its second generation. A word after the slot says what else it is.
func situation(t *testing.T, text string) []plan.Replica {
	t.Helper()
	replicas := []plan.Replica{{Ref: plan.Ref{Service: "db", Slot: 1, Generation: 1}, Role: compose.RoleReplica, State: plan.Running}}
	for _, one := range strings.Fields(text) {
		at, word, _ := strings.Cut(one, ":")
		slot, _, second := strings.Cut(at, "@2")
		r := plan.Replica{
			Ref:  plan.Ref{Service: "web", Slot: int(slot[0] - '0'), Generation: 1},
			Role: compose.RoleReplica, State: plan.Running, Digest: compose.Digest{Hash: "v1:aaaa"},
		}
		if second {
			r.Generation = 2
		}
		switch word {
		case "", "unserved":
		case "healthy", "starting", "unhealthy":
			r.Health = plan.Health(word)
		case "old":
			r.Digest.Hash = "v1:0000"
		case "failed":
			r.State, r.ExitCode = plan.Exited, 1
		case "run":
			r.Role, r.OneOff = compose.RoleRun, true
		default:
			r.State = plan.State(word)
		}
		replicas = append(replicas, r)
	}
	return replicas
}

// Every situation at rest, and under every command that may hold the project.
func TestStateOfAService(t *testing.T) {
	verbs := []string{"", "up", "scale", "service rolling-update", "rollback", "start", "restart", "stop", "down", "rm", "pull"}
	const (
		no, sta, run, part = plan.ServiceNotRunning, plan.ServiceStarting, plan.ServiceRunning, plan.ServicePartlyRunning
		sca, red, ing      = plan.ServiceScaling, plan.ServiceRedeploying, plan.ServiceStopping
		off, term          = plan.ServiceStopped, plan.ServiceTerminating
	)
	plain, oneShot, front := service("web", 3, "v1:aaaa"), service("web", 3, "v1:aaaa"), routed(service("web", 3, "v1:aaaa"), 80)
	none := service("web", 0, "v1:aaaa")
	oneShot.OneShot = true
	for _, c := range []struct {
		what      string
		service   *compose.Service
		situation string
		states    []plan.ServiceState // by verb
	}{
		{"nothing", &plain, "", []plan.ServiceState{no, sta, sca, red, red, no, no, no, no, no, no}},
		{"nothing wanted", &none, "", []plan.ServiceState{no, no, sca, red, no, no, no, no, no, no, no}},
		{"only a run", &plain, "1:run", []plan.ServiceState{no, sta, sca, red, red, no, no, no, no, no, no}},
		{"created", &plain, "1:created 2:created 3:created", []plan.ServiceState{no, sta, sca, red, red, sta, sta, no, term, term, no}},
		{"first ones up", &plain, "1 2:starting 3:created", []plan.ServiceState{part, sta, sca, red, red, sta, sta, ing, term, part, part}},
		{"all coming", &plain, "1:starting 2:starting 3:restarting", []plan.ServiceState{sta, sta, sca, red, red, sta, sta, ing, term, sta, sta}},
		{"well", &plain, "1 2:healthy 3", []plan.ServiceState{run, run, sca, red, run, run, run, ing, term, run, run}},
		{"one stopped", &plain, "1 2 3:exited", []plan.ServiceState{part, sta, sca, red, red, sta, sta, ing, term, part, part}},
		{"one missing", &plain, "1 2", []plan.ServiceState{part, sca, sca, red, red, part, part, ing, term, part, part}},
		{"one too many", &plain, "1 2 3 4", []plan.ServiceState{run, sca, sca, red, run, run, run, ing, term, run, run}},
		{"one unhealthy", &plain, "1 2 3:unhealthy", []plan.ServiceState{part, sta, sca, red, red, sta, sta, ing, term, part, part}},
		{"all unhealthy", &plain, "1:unhealthy 2:unhealthy 3:unhealthy", []plan.ServiceState{part, sta, sca, red, red, sta, sta, ing, term, part, part}},
		{"stopped", &plain, "1:exited 2:exited 3:exited", []plan.ServiceState{off, sta, sca, red, red, sta, sta, off, term, term, off}},
		{"paused", &plain, "1:paused 2:paused 3:paused", []plan.ServiceState{off, sta, sca, red, red, sta, sta, off, term, term, off}},
		{"to be replaced", &plain, "1:old 2:old 3:old", []plan.ServiceState{run, red, sca, red, run, run, run, ing, term, run, run}},
		{"half replaced", &plain, "1@2 2:old 2@2:starting 3:old", []plan.ServiceState{run, red, sca, red, red, run, run, ing, term, run, run}},
		{"being removed", &plain, "1:removing 2:removing 3:removing", []plan.ServiceState{no, sta, sca, red, red, no, no, no, no, no, no}},
		{"not wanted", &none, "1 2", []plan.ServiceState{run, sca, sca, red, run, run, run, ing, term, run, run}},
		{"orphan", nil, "1 2", []plan.ServiceState{run, run, sca, red, run, run, run, ing, term, run, run}},
		{"orphan, one stopped", nil, "1 2:exited", []plan.ServiceState{part, sta, sca, red, red, sta, sta, ing, term, part, part}},
		{"served", &front, "1 2 3", []plan.ServiceState{run, run, sca, red, run, run, run, ing, term, run, run}},
		{"one not served", &front, "1 2 3:unserved", []plan.ServiceState{part, sta, sca, red, red, sta, sta, ing, term, part, part}},
		{"one-shots at work", &oneShot, "1 2:exited 3", []plan.ServiceState{run, run, sca, red, run, run, run, ing, term, run, run}},
		{"one-shots done", &oneShot, "1:exited 2:exited 3:exited", []plan.ServiceState{off, off, sca, red, off, off, off, off, term, term, off}},
		{"one-shot failed", &oneShot, "1:exited 2:exited 3:failed", []plan.ServiceState{off, sta, sca, red, red, sta, sta, off, term, term, off}},
	} {
		assert.Equal(t, len(c.states), len(verbs), c.what)
		replicas := situation(t, c.situation)
		published := []plan.Published{{Service: "web"}}
		for at, word := range strings.Fields(c.situation) {
			if !strings.HasSuffix(word, "unserved") {
				published[0].Backends = append(published[0].Backends, replicas[at+1].Ref)
			}
		}
		for at, verb := range verbs {
			got := plan.StateOf("web", c.service, replicas, published, plan.Operation{Verb: verb})
			assert.Check(t, got == c.states[at], "%s, %q: %s, not %s", c.what, verb, got, c.states[at])
			beside := plan.StateOf("web", c.service, replicas, published, plan.Operation{Verb: verb, Services: []string{"db"}})
			assert.Check(t, beside == c.states[0], "%s, %q about another service: %s, not %s", c.what, verb, beside, c.states[0])
			named := plan.StateOf("web", c.service, replicas, published, plan.Operation{Verb: verb, Services: []string{"db", "web"}})
			assert.Check(t, named == got, "%s, %q that names it: %s, not %s", c.what, verb, named, got)
		}
	}
}

// Without a look at the balancer, a routed replica is as well as its container is.
func TestStateOfAServiceWhoseBalancerIsNotKnown(t *testing.T) {
	front := routed(service("web", 2, "v1:aaaa"), 80)
	assert.Equal(t, plan.StateOf("web", &front, situation(t, "1 2"), nil, plan.Operation{}), plan.ServiceRunning)
	assert.Equal(t, plan.StateOf("web", &front, situation(t, "1 2"), []plan.Published{}, plan.Operation{}), plan.ServicePartlyRunning)
}

package compose

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// defaultAutoheal is how long a replica may be unhealthy where the file does not say: long enough for what passes
// by itself, such as a full collection of garbage or a database that fails over.
const defaultAutoheal = time.Minute

// autoheal reads when the sidecar replaces the unhealthy replicas of each service.
//
// Where the file says nothing it does so for routed services with a health check written in the file. Such a check
// is a promise: who fails it is of no use to anybody. The TCP connect by which every routed replica is judged
// promises nothing of the kind, and what is not routed (a database, a queue, a batch) may lose more by being
// replaced than it does by being slow. Nor is a service replaced by default whose containers others share a
// namespace or volumes with: those are bound to the very container. Nor one with post_start hooks, which make a
// container what it is and which the sidecar does not know.
func (c *conversion) autoheal(services []Service) {
	shared := map[string]string{}
	for _, s := range services {
		for _, name := range s.SharesWith() {
			shared[name] = s.Name
		}
	}
	for i, s := range services {
		r := c.keysOf(s.Name)
		said := r["autoheal"]
		at := []string{"services", s.Name, extension, "autoheal"}
		sharer, isShared := shared[s.Name]
		h := s.Body.HealthCheck
		if said == nil {
			own := h != nil && !h.Disable || r["health-check"] != nil
			if len(s.Routes) > 0 && own && !s.OneShot && !isShared && len(s.Body.PostStart) == 0 {
				services[i].Autoheal = defaultAutoheal
			}
			continue
		}
		if on, isBool := asBool(said); isBool && !on {
			continue
		}
		after := defaultAutoheal
		if d, ok := asDuration(asMap(said)["after"]); ok {
			after = d
		}
		switch {
		case after < time.Second:
			c.report(append(at, "after"), "must be 1s or more", "")
		case isShared:
			c.report(at, "cannot be: "+sharer+" shares a namespace or volumes with the containers of "+s.Name+", and would have to be replaced too", "say autoheal: false")
		case len(s.Routes) == 0 && h != nil && h.Disable:
			c.report(at, "needs a health check, and the service's is switched off", "take disable out of healthcheck")
		}
		services[i].Autoheal = after
	}
}

// keysOf are our keys of a service.
func (c *conversion) keysOf(service string) map[string]any {
	return asMap(c.typed.Services[service].Extensions[extension])
}

// autorestart writes Docker Cloud's word for restart out as Compose's.
func (r *reading) autorestart() {
	said := r.keys["autorestart"]
	if said == nil {
		return
	}
	policy := map[string]string{off: types.RestartPolicyNo, "ON_FAILURE": types.RestartPolicyOnFailure, "ALWAYS": types.RestartPolicyAlways}[asWord(said)]
	has, at := restartPolicy(r.body)
	if at != nil && has != policy && !(policy == types.RestartPolicyOnFailure && strings.HasPrefix(has, policy)) {
		r.report("autorestart", fmt.Sprintf("says %s, and %s says %s", policy, dotted(append([]string{r.section, r.name}, at...)), has), "keep one of them")
		return
	}
	if at == nil {
		r.body.Restart = policy
	}
	r.l.warn(fmt.Sprintf("service %s: autorestart is Docker Cloud's word: it is read as `restart: %s`", r.name, quotedNo(policy)))
}

// quotedNo is a policy as it must stand in a file: a bare no is read as false by some.
func quotedNo(policy string) string {
	if policy == types.RestartPolicyNo {
		return `"no"`
	}
	return policy
}

// restartPolicy is when the engine starts a container again, in the words of `restart`, and where the file says so;
// nil where it is silent, which is "no". deploy.restart_policy wins.
func restartPolicy(body types.ServiceConfig) (policy string, at []string) {
	if body.Deploy == nil || body.Deploy.RestartPolicy == nil {
		if body.Restart == "" {
			return types.RestartPolicyNo, nil
		}
		return body.Restart, []string{"restart"}
	}
	at = []string{"deploy", "restart_policy"}
	switch condition := cmp.Or(body.Deploy.RestartPolicy.Condition, "any"); condition {
	case "any":
		return types.RestartPolicyAlways, at
	case "none":
		return types.RestartPolicyNo, at
	default:
		return condition, at
	}
}

// autodestroy reads when the sidecar removes a stopped container. It has its say after the restart policy: what is
// started again whatever happens never stays stopped.
func (r *reading) autodestroy() Autodestroy {
	when := map[string]Autodestroy{"ON_SUCCESS": DestroyOnSuccess, "ALWAYS": DestroyAlways}[asWord(r.keys["autodestroy"])]
	if when == DestroyNever {
		return when
	}
	policy, at := restartPolicy(r.body)
	if policy == types.RestartPolicyAlways || policy == types.RestartPolicyUnlessStopped {
		key := dotted(append([]string{r.section, r.name}, at...))
		if r.keys["autorestart"] != nil {
			key = dotted([]string{r.section, r.name, "autorestart"})
		}
		r.report("autodestroy", fmt.Sprintf("must be OFF beside %s: %s: such a container is started again, and not removed", key, policy),
			"take autodestroy out, or restart on-failure")
	}
	return when
}

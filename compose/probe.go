package compose

import "time"

// probe reads health-check: how a replica of a routed service is judged.
func (r *reading) probe(routes []Route) *Probe {
	check, said := r.keys["health-check"]
	if len(routes) == 0 {
		if said && check != nil {
			r.report("health-check", "is the balancer's check, and nothing of this service is routed",
				"give it a protocol, or use Compose's healthcheck")
		}
		return nil
	}
	p := &Probe{
		Port: routes[0].ContainerPort, TLS: routes[0].Protocol == HTTPS,
		Interval: 5 * time.Second, StartInterval: 250 * time.Millisecond, Timeout: 2 * time.Second, Fall: 3, Rise: 2,
	}
	keys := asMap(check)
	p.Path, _ = asString(keys["path"])
	set := func(key string, to *time.Duration) {
		d, ok := asDuration(keys[key])
		if ok && d < 10*time.Millisecond {
			r.reportAt([]string{extension, "health-check", key}, "must be 10ms or more", "")
		}
		if ok {
			*to = d
		}
	}
	set("interval", &p.Interval)
	set("start_interval", &p.StartInterval)
	set("timeout", &p.Timeout)
	count := func(key string, to *int) {
		if n, ok := asInt(keys[key]); ok {
			*to = n
		}
	}
	count("fall", &p.Fall)
	count("rise", &p.Rise)
	count("status", &p.Status)
	if p.Status != 0 && p.Path == "" {
		r.reportAt([]string{extension, "health-check", "status"}, "needs a path: without one the check is a TCP connect", "add path: /")
	}
	return p
}

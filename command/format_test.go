package command

import (
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/lb"
	"hyper-lite/plan"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func exampleReplicas() []plan.Replica {
	id := func(letter string) string { return strings.Repeat(letter, 64) }
	web := func(slot int, letter string, state plan.State, status string) plan.Replica {
		return plan.Replica{
			Ref: plan.Ref{Service: "web", Slot: slot, Generation: 1}, Role: compose.RoleReplica, ID: id(letter),
			Name: "shop-web-" + string(rune('0'+slot%10)), Image: "shop:1", State: state, Status: status,
			Command: "/docker-entrypoint.sh nginx -g 'daemon off;'", CreatedAt: noon.Add(-3 * time.Minute),
			Ports: []plan.Port{{Container: 80, Protocol: "tcp"}}, Networks: []string{"shop_default"},
		}
	}
	healthy := web(1, "a", plan.Running, "Up 3 minutes (healthy)")
	healthy.Health = plan.Healthy
	dead := web(3, "c", plan.Exited, "Exited (137) 1 minute ago")
	dead.ExitCode = 137
	ten := web(2, "d", plan.Running, "Up 3 minutes")
	ten.Slot, ten.Name = 10, "shop-web-10"
	return []plan.Replica{
		ten, healthy, web(2, "b", plan.Running, "Up 3 minutes"), dead,
		{
			Ref: plan.Ref{Service: "balancer", Slot: 1, Generation: 1}, Role: compose.RoleBalancer, ID: id("e"), Name: "shop-hyper-lite-balancer",
			Image: "traefik:v3.6.12", State: plan.Running, Status: "Up 3 minutes", Command: "/traefik", CreatedAt: noon.Add(-3 * time.Minute),
			Ports: []plan.Port{
				{HostIP: "0.0.0.0", Host: 8080, Container: 8080, Protocol: "tcp"},
				{HostIP: "::", Host: 8080, Container: 8080, Protocol: "tcp"},
				{HostIP: "0.0.0.0", Host: 9999, Container: 9999, Protocol: "tcp"},
			},
		},
		{
			Ref: plan.Ref{Service: "old", Slot: 1, Generation: 1}, Role: compose.RoleReplica, ID: id("f"), Name: "shop-old-1",
			Image: "old", State: plan.Running, Status: "Up 2 hours", Command: "sleep", CreatedAt: noon.Add(-2 * time.Hour),
		},
	}
}

func exampleListing() []engine.Listed {
	var listed []engine.Listed
	for _, r := range exampleReplicas() {
		listed = append(listed, engine.Listed{
			Replica: r, Labels: map[string]string{"tier": "front", "hyper-lite.project": "shop"},
			Mounts: []string{"shop_data", strings.Repeat("0", 64)}, LocalVolumes: 2,
		})
	}
	return listed
}

func exampleProject() foundProject {
	return foundProject{files: true, Project: compose.Project{Name: "shop", Services: []compose.Service{{
		Name: "web", Replicas: 3, Routes: []compose.Route{{
			Service: "web", Protocol: compose.HTTP, ServicePort: 8080, ContainerPort: 80, Publish: []compose.HostPort{{Port: 8080}},
		}},
	}}}}
}

func TestPsInEveryForm(t *testing.T) {
	for name, q := range map[string]psQuery{
		"table":      {orphans: true},
		"all":        {all: true, orphans: true},
		"no-orphans": {},
		"exited":     {states: []string{"exited"}},
		"json":       {format: "json"},
		"whole":      {format: "json", whole: true, services: []string{"old"}, orphans: true},
		"template":   {format: `{{.Name}}\t{{.State}} {{json .Publishers}}`},
		"label":      {format: `{{.Name}} {{.Label "tier"}} {{.Label "none"}}`},
		"columns":    {format: `table {{.Name}}\t{{upper .State}}\t{{.ExitCode}}`, all: true},
	} {
		var out strings.Builder
		assert.NilError(t, printList(&out, q.format, psRows(exampleProject(), exampleListing(), q, noon), psColumns()))
		golden.Assert(t, out.String(), "ps-"+name+".golden")
	}
}

func TestOnlyWhatCanHaveTrafficHasTheBalancersPorts(t *testing.T) {
	all := exampleReplicas()
	web := all[1]
	web.Generation, web.Name = 2, "shop-web-1-g2"
	for name, change := range map[string]func(r *plan.Replica){
		"replacing": func(*plan.Replica) {},
		"starting":  func(r *plan.Replica) { r.Name, r.Health = "shop-web-1", plan.Starting },
		"unhealthy": func(r *plan.Replica) { r.Name, r.Health = "shop-web-1", plan.Unhealthy },
		"a run":     func(r *plan.Replica) { r.Name, r.OneOff = "shop-web-run", true },
		"stopped":   func(r *plan.Replica) { r.Name, r.State = "shop-web-1", plan.Exited },
	} {
		r := web
		change(&r)
		assert.Equal(t, len(balanced(exampleProject().Project, r, all)), 0, name)
	}
	assert.Equal(t, len(balanced(exampleProject().Project, web, all[4:])), 2, "alone in its slot")
	assert.Equal(t, len(balanced(exampleProject().Project, all[1], all)), 2)
}

func TestServicesInEveryForm(t *testing.T) {
	for name, format := range map[string]string{"table": "", "json": "json"} {
		var out strings.Builder
		states := statesOf(exampleProject(), exampleReplicas(), nil, plan.Operation{})
		assert.NilError(t, printList(&out, format, serviceRows(exampleProject(), exampleReplicas(), states), serviceColumns()))
		golden.Assert(t, out.String(), "services-"+name+".golden")
	}
}

func TestWhatTheBalancerServesInEveryForm(t *testing.T) {
	web := func(slot, generation int) plan.Ref {
		return plan.Ref{Service: "web", Slot: slot, Generation: generation}
	}
	status := lb.Status{Services: []lb.ServiceStatus{
		{Service: "db", Routes: []compose.Route{{Protocol: compose.TCP, ServicePort: 5432, ContainerPort: 5432}}},
		{
			Service: "web",
			Routes: []compose.Route{
				{Protocol: compose.HTTP, ServicePort: 8080, ContainerPort: 80, Publish: []compose.HostPort{{Port: 8080}}},
				{Protocol: compose.HTTP, ServicePort: 80, ContainerPort: 80, Hosts: []string{"shop.example"}, Publish: []compose.HostPort{{IP: "127.0.0.1", Port: 80}}},
			},
			Backends: []lb.BackendStatus{{Ref: web(1, 1), Healthy: true}, {Ref: web(4, 2), Reason: "connection refused"}},
		},
	}}
	for name, format := range map[string]string{"table": "", "json": "json"} {
		var out strings.Builder
		assert.NilError(t, printList(&out, format, lbRows(status, exampleReplicas()), lbColumns()))
		golden.Assert(t, out.String(), "lb-"+name+".golden")
	}
}

func TestLbOfWhatDoesNotServe(t *testing.T) {
	s := newShell(t, shop)
	assert.Assert(t, strings.Contains(s.run("lb").err, "project shop has no balancer"))
	s.engine.replicas = []plan.Replica{{Role: compose.RoleSidecar, State: plan.Exited}}
	want := result{1, "", "error: project shop is stopped: nothing is served\n hint: `hyper-lite start` starts it again\n"}
	assert.Equal(t, s.run("lb"), want)
	assert.Equal(t, s.run("lb", "config"), want)
}

func TestAnEmptyListIsStillWellFormed(t *testing.T) {
	for format, want := range map[string]string{
		"": "NAME   IMAGE   COMMAND   SERVICE   CREATED   STATUS   PORTS\n", "json": "", "{{.Name}}": "", "table {{.Name}}\t{{.ID}}": "NAME   ID\n",
	} {
		var out strings.Builder
		assert.NilError(t, printList(&out, format, []psRow(nil), psColumns()))
		assert.Equal(t, out.String(), want, format)
	}
}

func TestBadTemplatesAreUsageErrors(t *testing.T) {
	for _, format := range []string{"{{.Nam", "{{.Nonsense}}", "{{nosuch .}}", "table {{.Nam", "jsn", "table Name"} {
		err := printList(&strings.Builder{}, format, []psRow{{}}, psColumns())
		assert.Equal(t, exitCode(err), exitUsage, "%s: %v", format, err)
	}
}

func TestAWrongFieldListsTheFields(t *testing.T) {
	err := printList(&strings.Builder{}, "{{.Nmae}}", []psRow(nil), psColumns())
	assert.Error(t, err, `--format: there is no field "Nmae"`)
	hint := hintOf(err)
	assert.Assert(t, strings.HasPrefix(hint, "fields: Command, CreatedAt, Engine, ExitCode, "), hint)
	assert.Assert(t, !strings.Contains(hint, "fullID"), hint)
}

func TestKeysOfCertificatesAreNotInspected(t *testing.T) {
	project := exampleProject()
	project.Services[0].Routes[0].Cert = &compose.Certificate{Source: "tls.pem", Chain: "CHAIN", Key: "KEY", Digest: "0123"}
	var out strings.Builder
	assert.NilError(t, printJSON(&out, newServiceView(project, "web", exampleReplicas())))
	assert.Assert(t, strings.Contains(out.String(), "tls.pem"))
	assert.Assert(t, !strings.Contains(out.String(), "KEY") && !strings.Contains(out.String(), "CHAIN"), out.String())
}

func TestWhatIsServedWhere(t *testing.T) {
	project := compose.Project{Services: []compose.Service{
		{Name: "web", Replicas: 3, Routes: []compose.Route{
			{Protocol: compose.HTTP, Publish: []compose.HostPort{{Port: 8080}, {IP: "127.0.0.1", Port: 80}}},
			{Protocol: compose.HTTPSTerm, Hosts: []string{"shop.example"}, PathPrefix: "/api", Publish: []compose.HostPort{{Port: 443}}},
			{Protocol: compose.HTTPS, Publish: []compose.HostPort{{IP: "::", Port: 8443}}},
		}},
		{Name: "db", Replicas: 1, Routes: []compose.Route{{Protocol: compose.TCP, Publish: []compose.HostPort{{Port: 5432}}}}},
		{Name: "off", Replicas: 0, Routes: []compose.Route{{Protocol: compose.TCP, Publish: []compose.HostPort{{Port: 1}}}}},
	}}
	assert.DeepEqual(t, servedLines(project, nil, "localhost"), []string{
		"http://localhost:8080 -> web (3 replicas)",
		"http://127.0.0.1 -> web (3 replicas)",
		"https://shop.example/api -> web (3 replicas)",
		"https://localhost:8443 -> web (3 replicas)",
		"localhost:5432 -> db (1 replica)",
	})
	assert.DeepEqual(t, servedLines(project, []string{"db"}, "vps.example"), []string{"vps.example:5432 -> db (1 replica)"})
	for endpoint, host := range map[string]string{
		"unix:///var/run/docker.sock": "localhost", "ssh://me@vps.example": "vps.example", "tcp://10.0.0.2:2376": "10.0.0.2", "npipe:////./pipe/x": "localhost",
	} {
		assert.Equal(t, addressOf(endpoint), host)
	}
}

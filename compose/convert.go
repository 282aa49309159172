package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// conversion makes our Project of Compose's, and collects what is wrong with it.
type conversion struct {
	l        *loading
	typed    *types.Project
	settings Settings
	made     map[string]bool // the services and jobs that something will be made of
	unread   map[string]bool // services and jobs with files or variables that are missing, where that is allowed
	errs     FieldErrors
}

func (c *conversion) report(path []string, msg, hint string) {
	c.errs = append(c.errs, c.l.places.at(path, msg, hint))
}

// convert returns the project, or FieldErrors.
func (l *loading) convert(p Project, typed *types.Project) (Project, error) {
	c := &conversion{l: l, typed: typed, made: l.opt.made(typed), unread: map[string]bool{}}
	if err := c.readPlatform(); err != nil {
		return Project{}, err
	}
	c.readSettings()
	p.Settings, p.Model = c.settings, typed
	p.Networks, p.Volumes, p.Configs, p.Secrets = typed.Networks, typed.Volumes, typed.Configs, typed.Secrets
	p.Disabled = slices.Concat(typed.DisabledServiceNames(), slices.Sorted(maps.Keys(typed.DisabledJobs)))
	slices.Sort(p.Disabled)
	var services []Service
	for _, name := range slices.Sorted(maps.Keys(typed.Services)) {
		typed.Services[name] = c.filledIn("services", typed.Services[name])
		r := c.reading("services", name, typed.Services[name])
		if r.keys["cron"] != nil {
			p.Jobs = append(p.Jobs, r.cronJob())
			continue
		}
		services = append(services, r.service())
	}
	for _, name := range slices.Sorted(maps.Keys(typed.Jobs)) {
		p.Jobs = append(p.Jobs, c.declaredJob(name, typed.Jobs[name]))
	}
	slices.SortFunc(p.Jobs, func(a, b Job) int { return strings.Compare(a.Name, b.Name) })
	c.dependencies(services, p.Jobs)
	c.conflicts(services)
	p.Services = inOrder(services)
	markOneShots(p.Services, p.Jobs)
	c.autoheal(p.Services)
	c.unnamed(p)
	c.stranded(p.Services)
	c.reservedVolume(p)
	c.emptyNames()
	c.unsetSecrets(p)
	c.digests(&p)
	c.defaultPlatforms(&p)
	if len(c.errs) > 0 {
		return Project{}, c.errs
	}
	return p, nil
}

func (c *conversion) readSettings() {
	keys := asMap(c.typed.Extensions[extension])
	checker{pending: never, report: func(path []string, _ bool, msg, hint string) { c.report(path, msg, hint) }}.
		mapping([]string{extension}, keys, projectFields)
	c.settings = Settings{BalancerImage: DefaultBalancerImage, Drain: defaultDrain, Revisions: 10}
	if image, ok := asString(asMap(keys["balancer"])["image"]); ok && image != "" {
		c.settings.BalancerImage = image
	}
	c.settings.BalancerOptions, _ = asStrings(asMap(keys["balancer"])["options"])
	if d, ok := asDuration(keys["drain"]); ok {
		c.settings.Drain = d
	}
	c.settings.SidecarMemory, _ = asBytes(asMap(keys["sidecar"])["memory"])
	c.settings.SidecarCPUs, _ = asFloat(asMap(keys["sidecar"])["cpus"])
	if n, ok := asInt(keys["revisions"]); ok {
		c.settings.Revisions = n
	}
}

func never(string) bool { return false }

// reading is one service or job on its way into our nouns.
type reading struct {
	*conversion
	section, name string
	dir           string
	body          types.ServiceConfig
	keys          map[string]any
}

func (c *conversion) reading(section, name string, body types.ServiceConfig) *reading {
	r := &reading{conversion: c, section: section, name: name, dir: c.typed.WorkingDir, body: body}
	keys := asMap(body.Extensions[extension])
	r.keys = map[string]any{}
	bad := map[string]bool{}
	checker{pending: never, report: func(path []string, _ bool, msg, hint string) {
		bad[path[3]] = true
		c.report(path, msg, hint)
	}}.mapping([]string{section, name, extension}, keys, sectionFields(section))
	for k, v := range keys {
		if !bad[k] {
			r.keys[k] = v
		}
	}
	r.autorestart()
	return r
}

// report is a mistake at one of our keys.
func (r *reading) report(key, msg, hint string) {
	r.reportAt([]string{extension, key}, msg, hint)
}

func (r *reading) reportAt(below []string, msg, hint string) {
	r.conversion.report(append([]string{r.section, r.name}, below...), msg, hint)
}

func (r *reading) service() Service {
	s := r.template(RoleReplica)
	s.Replicas = r.replicas()
	if n, ok := r.l.opt.Scale[r.name]; ok {
		s.Replicas = n
	}
	s.Routes, s.Body.Ports = r.routes(s.Replicas)
	s.Probe = r.probe(s.Routes)
	s.Rollout, s.Rollback = r.rollouts(s)
	s.OneShot = endsByItself(r.body)
	s.Autodestroy = r.autodestroy()
	if s.Replicas > 1 && r.body.ContainerName != "" {
		r.reportAt([]string{"container_name"}, fmt.Sprintf("cannot be the name of %d replicas", s.Replicas), "take container_name out, or use one replica")
	}
	return s
}

// template is what a service and a job have in common.
func (r *reading) template(role Role) Service {
	r.references()
	s := Service{
		Project: r.typed.Name, Name: r.name, Role: role, Replicas: 1, Body: r.body,
		Networks: map[string]types.NetworkConfig{}, Volumes: map[string]types.VolumeConfig{},
		Configs: map[string]types.ConfigObjConfig{}, Secrets: map[string]types.SecretConfig{},
	}
	r.limit(&s.Body)
	s.Body.Scale = nil
	r.build(&s)
	r.refresh()
	s.Body.CustomLabels = r.origins()
	r.refer(&s)
	for _, hook := range r.body.PreStart {
		s.PreStart = append(s.PreStart, r.hook(s, hook))
		for _, f := range hook.Configs { // the digest covers what they hold
			s.Configs[f.Source] = r.typed.Configs[f.Source]
		}
		for _, f := range hook.Secrets {
			s.Secrets[f.Source] = r.typed.Secrets[f.Source]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.body.DependsOn)) {
		d := r.body.DependsOn[name]
		s.DependsOn = append(s.DependsOn, Dependency{Service: name, Condition: d.Condition, Required: d.Required, Restart: d.Restart})
	}
	return s
}

// origins are Compose's labels of where a container comes from. They are no part of its specification: a folder
// that moves needs no new containers.
func (r *reading) origins() types.Labels {
	var files []string
	for _, f := range r.l.chosen.sources {
		files = append(files, f.path)
	}
	return types.Labels{
		"com.docker.compose.project.working_dir": r.typed.WorkingDir,
		filesLabel:                               strings.Join(files, ","),
	}
}

// LabelsVersion is the version of Compose whose labels ours are. Compose reads it as a version number.
const LabelsVersion = "2.0.0"

const filesLabel = "com.docker.compose.project.config_files"

// replicas is the number that replicas, scale and deploy.replicas agree on.
func (r *reading) replicas() int {
	type said struct {
		path []string
		n    int
	}
	var all []said
	if n, ok := asInt(r.keys["replicas"]); ok && r.keys["replicas"] != nil {
		all = append(all, said{[]string{extension, "replicas"}, n})
	}
	if r.body.Deploy != nil && r.body.Deploy.Replicas != nil {
		all = append(all, said{[]string{"deploy", "replicas"}, *r.body.Deploy.Replicas})
	}
	if r.body.Scale != nil {
		all = append(all, said{[]string{"scale"}, *r.body.Scale})
	}
	if len(all) == 0 {
		return 1
	}
	for _, s := range all {
		if s.n < 0 || s.n > MaxReplicas {
			r.reportAt(s.path, fmt.Sprintf("must be a number from 0 to %d", MaxReplicas), "")
			return 1
		}
	}
	for _, s := range all[1:] {
		if s.n != all[0].n {
			r.reportAt(s.path, fmt.Sprintf("says %d replicas, and %s says %d", s.n, dotted(append([]string{r.section, r.name}, all[0].path...)), all[0].n), "keep one of them")
		}
	}
	return all[0].n
}

// limit writes `size` out as limits.
func (r *reading) limit(body *types.ServiceConfig) {
	name, _ := asString(r.keys["size"])
	size, ok := sizeOf(name)
	if !ok {
		return
	}
	deploy := types.DeployConfig{}
	if body.Deploy != nil {
		deploy = *body.Deploy
	}
	limits := types.Resource{}
	if deploy.Resources.Limits != nil {
		limits = *deploy.Resources.Limits
	}
	cpus, memory := float32(limits.NanoCPUs), limits.MemoryBytes
	if cpus == 0 {
		cpus = body.CPUS
	}
	if memory == 0 {
		memory = body.MemLimit
	}
	if cpus != 0 && cpus != size.cpus || memory != 0 && memory != types.UnitBytes(size.memory) {
		r.report("size", fmt.Sprintf("%s is %v CPU and %d MiB, and the service has other limits too", name, size.cpus, size.memory/mebibyte), "keep one of them")
	}
	limits.NanoCPUs, limits.MemoryBytes = types.NanoCPUs(size.cpus), types.UnitBytes(size.memory)
	deploy.Resources.Limits = &limits
	body.Deploy = &deploy
}

// endsByItself says that the file expects a container to end (DESIGN.md, "One-shots").
func endsByItself(s types.ServiceConfig) bool {
	if s.Restart != "" {
		return s.Restart == types.RestartPolicyNo || strings.HasPrefix(s.Restart, types.RestartPolicyOnFailure)
	}
	if s.Deploy == nil || s.Deploy.RestartPolicy == nil {
		return false
	}
	c := s.Deploy.RestartPolicy.Condition
	return c == "none" || c == types.RestartPolicyOnFailure
}

func markOneShots(services []Service, jobs []Job) {
	awaited := map[string]bool{}
	note := func(s Service) {
		for _, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionCompletedSuccessfully {
				awaited[d.Service] = true
			}
		}
	}
	for _, s := range (Project{Services: services, Jobs: jobs}).Templates() {
		note(s)
	}
	for i := range services {
		services[i].OneShot = services[i].OneShot || awaited[services[i].Name]
	}
}

// reservedVolume refuses the volume that the balancer and the sidecar share: it is removed whenever they are.
func (c *conversion) reservedVolume(p Project) {
	for key, v := range p.Volumes {
		if v.Name == p.Name+"_hyper-lite" {
			c.report([]string{"volumes", key}, "its name "+v.Name+" is kept for the balancer's own volume, which goes with the balancer", "call it otherwise")
		}
	}
}

// emptyNames refuses what a variable that is not set leaves of a name: it would mean no network, or none that can be made.
func (c *conversion) emptyNames() {
	const hint = "say what it is, or take it out"
	check := func(section, key, name string, labels types.Labels) {
		if name == "" {
			c.missing("", []string{section, key, "name"}, "is empty", hint)
		}
		if _, ok := labels[""]; ok {
			c.missing("", []string{section, key, "labels"}, "has an entry without a name", "give it one, or take it out")
		}
	}
	for key, n := range c.typed.Networks {
		check("networks", key, n.Name, n.Labels)
	}
	for key, v := range c.typed.Volumes {
		check("volumes", key, v.Name, v.Labels)
	}
	for _, section := range []string{"services", "jobs"} {
		for _, doc := range c.l.places.docs {
			for _, root := range doc.roots {
				_, bodies := child(root, section)
				for name, body := range entries(bodies) {
					key, mode := child(body, "network_mode")
					alone := len(c.typed.Services[name.Value].Networks) == 0 && len(c.typed.Jobs[name.Value].Networks) == 0
					said := c.typed.Services[name.Value].NetworkMode + c.typed.Jobs[name.Value].NetworkMode
					if key != nil && mode.Tag != tagReset && !isNull(mode) && said == "" && alone && c.enabled(section, name.Value) {
						c.missing(name.Value, []string{section, name.Value, "network_mode"}, "is empty", hint)
					}
				}
			}
		}
	}
}

// enabled says that a service or job is not switched off by its profiles.
func (c *conversion) enabled(section, name string) bool {
	if section == "jobs" {
		_, ok := c.typed.Jobs[name]
		return ok
	}
	_, ok := c.typed.Services[name]
	return ok
}

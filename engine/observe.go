package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"golang.org/x/sync/errgroup"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// incomplete ends the name of a container whose making was not finished: its files or networks may be
// missing. It has no spec hash, so that a plan replaces it.
const incomplete = ".incomplete"

// Observe looks at the host once: one list each of containers, networks, volumes and images, side by
// side, and no call per container; one more for each image that a service is pinned to and no list shows, or wants for a
// platform.
// Images holds the references of the project's services and jobs, of the balancer, and of the sidecar where
// the project needs one. Published is left nil.
func (e *Engine) Observe(ctx context.Context, project compose.Project) (plan.Observed, error) {
	var (
		containers []container.Summary
		networks   []network.Summary
		volumes    volume.ListResponse
		images     []image.Summary
	)
	bounded, cancel := e.looking(ctx)
	defer cancel()
	group, calls := errgroup.WithContext(bounded)
	group.Go(func() (err error) {
		containers, err = e.client.ContainerList(calls, container.ListOptions{All: true})
		return wrap(err, "list containers")
	})
	group.Go(func() (err error) {
		networks, err = e.client.NetworkList(calls, network.ListOptions{})
		return wrap(err, "list networks")
	})
	group.Go(func() (err error) {
		volumes, err = e.client.VolumeList(calls, volume.ListOptions{})
		return wrap(err, "list volumes")
	})
	group.Go(func() (err error) {
		images, err = e.client.ImageList(calls, image.ListOptions{})
		return wrap(err, "list images")
	})
	if err := group.Wait(); err != nil {
		return plan.Observed{}, e.silent(ctx, err)
	}
	references, err := e.references(project)
	if err != nil {
		return plan.Observed{}, err
	}
	matched := matchImages(references, images)
	if err := errors.Join(e.addPinned(bounded, project, matched), e.addPlatforms(bounded, project, matched)); err != nil {
		return plan.Observed{}, e.silent(ctx, err)
	}
	forgetGone(containers, networks)
	replicas, foreign := e.split(project.Name, containers)
	tellElsewhere(project, replicas)
	observed := plan.Observed{
		Replicas: replicas,
		Foreign:  foreign,
		Networks: networksOf(project, networks),
		Volumes:  volumesOf(project, volumes.Volumes),
		Images:   matched,
	}
	e.remember(project.Name, observed.Images)
	return observed, nil
}

// looking bounds a look at the host: an engine that hangs accepts calls and never answers.
func (e *Engine) looking(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 12*e.endpoint.patience)
}

// silent says of a look whose time was over that the engine hangs. ctx is the caller's.
func (e *Engine) silent(ctx context.Context, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w at %s: it takes calls and does not answer: %w; restart it", ErrUnreachable, e.endpoint, err)
}

// listOurs lists containers, stopped ones too, by label.
func (e *Engine) listOurs(ctx context.Context, label string) ([]container.Summary, error) {
	bounded, cancel := e.looking(ctx)
	defer cancel()
	containers, err := e.client.ContainerList(bounded, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", label)),
	})
	return containers, e.silent(ctx, err)
}

// List returns every container of the project, runs and one-offs included, with one call. It needs no
// file.
func (e *Engine) List(ctx context.Context, project string) ([]plan.Replica, error) {
	containers, err := e.listOurs(ctx, labelProject+"="+project)
	if err != nil {
		return nil, fmt.Errorf("list containers of project %s: %w", project, err)
	}
	replicas, _ := e.split(project, containers)
	return replicas, nil
}

// Project is what a host shows of one project.
type Project struct {
	Name     string
	WorkDir  string         // the project folder, from a container's label
	Files    []string       // the compose files, from a container's label
	Replicas []plan.Replica // its containers, as List returns them
}

// Projects returns every project on the host, by name, with one call.
func (e *Engine) Projects(ctx context.Context) ([]Project, error) {
	containers, err := e.listOurs(ctx, labelProject)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	names := map[string]bool{}
	for _, c := range containers {
		names[c.Labels[labelProject]] = true
	}
	projects := make([]Project, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		replicas, _ := e.split(name, containers)
		project := Project{Name: name, Replicas: replicas}
		for _, r := range replicas {
			project.WorkDir = cmp.Or(project.WorkDir, r.WorkDir)
			if project.Files == nil {
				project.Files = r.Files
			}
		}
		projects = append(projects, project)
	}
	return projects, nil
}

// split sorts containers into those of the project and the rest, and remembers which IDs are ours.
func (e *Engine) split(project string, containers []container.Summary) ([]plan.Replica, []plan.Foreign) {
	var replicas []plan.Replica
	var foreign []plan.Foreign
	e.mu.Lock()
	for _, c := range containers {
		if c.Labels[labelProject] != "" {
			e.ours[c.ID] = ownershipOf(c.Labels)
		}
	}
	e.mu.Unlock()
	for _, c := range containers {
		if c.Labels[labelProject] == project {
			replicas = append(replicas, replicaOf(c))
			continue
		}
		foreign = append(foreign, plan.Foreign{
			ID:       c.ID,
			Name:     nameOf(c),
			Project:  cmp.Or(c.Labels[labelProject], projectOfCompose(c.Labels)),
			Service:  serviceOfCompose(c.Labels),
			Running:  c.State != container.StateCreated && c.State != container.StateExited && c.State != container.StateDead,
			Ports:    portsOf(c.Ports),
			Networks: networkNames(c),
		})
	}
	slices.SortFunc(replicas, func(a, b plan.Replica) int {
		return cmp.Or(
			cmp.Compare(a.Service, b.Service),
			cmp.Compare(a.Role, b.Role),
			cmp.Compare(a.Slot, b.Slot),
			cmp.Compare(a.Generation, b.Generation),
			cmp.Compare(a.Name, b.Name),
		)
	})
	slices.SortFunc(foreign, func(a, b plan.Foreign) int { return cmp.Compare(a.Name, b.Name) })
	return replicas, foreign
}

func replicaOf(c container.Summary) plan.Replica {
	health, code := parseStatus(c.Status)
	r := plan.Replica{
		Ref:       refOf(c.Labels),
		Role:      compose.Role(cmp.Or(c.Labels[labelRole], string(compose.RoleReplica))),
		Digest:    digestOf(c.Labels),
		ID:        c.ID,
		Name:      nameOf(c),
		Image:     cmp.Or(c.Labels[labelImage], c.Image),
		ImageID:   c.ImageID,
		State:     plan.State(c.State),
		Health:    health,
		ExitCode:  code,
		Status:    c.Status,
		Command:   c.Command,
		CreatedAt: time.Unix(c.Created, 0).UTC(),
		Ports:     portsOf(c.Ports),
		DependsOn: dependsOn(c.Labels[composeDependsOn]),
		WorkDir:   c.Labels[composeWorkingDir],
		Jobs:      c.Labels[labelJobs],
		Fire:      c.Labels[compose.LabelFire],
		Cause:     c.Labels[labelCause],
		Shares:    namesOf(c.Labels[labelShares]),
		Networks:  networkNames(c),
		Anonymous: anonymousPlaces(c),
	}
	r.OneOff = r.Role == compose.RoleRun || r.Role == compose.RoleHook
	if strings.HasSuffix(r.Name, incomplete) {
		r.Digest, r.Jobs = compose.Digest{}, ""
	}
	if files := c.Labels[composeFiles]; files != "" {
		r.Files = strings.Split(files, ",")
	}
	return r
}

// forgetGone takes those networks from containers that are gone. One that stopped before keeps the ID of such a network, and
// never starts again, whatever another one is called. Of one that never ran, the engine looks the network up by its name.
func forgetGone(containers []container.Summary, networks []network.Summary) {
	there := map[string]bool{"": true}
	for _, n := range networks {
		there[n.ID] = true
	}
	for _, c := range containers {
		if c.NetworkSettings != nil {
			maps.DeleteFunc(c.NetworkSettings.Networks, func(_ string, endpoint *network.EndpointSettings) bool {
				return endpoint != nil && !there[endpoint.NetworkID]
			})
		}
	}
}

// networkNames are the networks that a container is in, sorted.
func networkNames(c container.Summary) []string {
	if c.NetworkSettings == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(c.NetworkSettings.Networks))
}

// nameOf is the container's own name: those with a second slash are names that links gave it.
func nameOf(c container.Summary) string {
	for _, name := range c.Names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return ""
}

func portsOf(ports []container.Port) []plan.Port {
	var all []plan.Port
	for _, p := range ports {
		all = append(all, plan.Port{
			HostIP: p.IP, Host: int(p.PublicPort), Container: int(p.PrivatePort), Protocol: p.Type,
		})
	}
	slices.SortFunc(all, func(a, b plan.Port) int {
		return cmp.Or(
			cmp.Compare(a.Container, b.Container), cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(a.Host, b.Host), cmp.Compare(a.HostIP, b.HostIP),
		)
	})
	return all
}

func networksOf(project compose.Project, networks []network.Summary) map[string]plan.Network {
	wanted := map[string]bool{}
	for _, n := range project.Networks {
		wanted[n.Name] = true
	}
	seen := map[string]plan.Network{}
	for _, n := range networks {
		ours := n.Labels[labelProject] == project.Name
		if !ours && !wanted[n.Name] || seen[n.Name].Ours {
			continue
		}
		seen[n.Name] = plan.Network{Name: n.Name, ID: n.ID, Ours: ours}
		if ours {
			seen[n.Name] = plan.Network{Name: n.Name, ID: n.ID, Ours: true, Digest: n.Labels[labelDigest]}
		}
	}
	return seen
}

func volumesOf(project compose.Project, volumes []*volume.Volume) map[string]plan.Volume {
	wanted := map[string]bool{}
	for _, v := range project.Volumes {
		wanted[v.Name] = true
	}
	seen := map[string]plan.Volume{}
	for _, v := range volumes {
		ours := v.Labels[labelProject] == project.Name
		if !ours && !wanted[v.Name] {
			continue
		}
		seen[v.Name] = plan.Volume{Name: v.Name, Ours: ours}
		if ours {
			seen[v.Name] = plan.Volume{Name: v.Name, Ours: true, Digest: v.Labels[labelDigest]}
		}
	}
	return seen
}

// wrap adds what was done to an error, and leaves no error alone.
func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

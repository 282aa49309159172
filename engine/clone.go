package engine

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// shortID is how many digits of its ID the engine gives a container as its name.
const shortID = 12

// clone makes a container like one that exists, for whoever knows no file: of the same image, configuration, networks
// and volumes, with the configs and secrets that were copied into it. It is the next generation of its slot, and a
// label says why.
func (e *Engine) clone(ctx context.Context, step plan.Clone) error {
	old, err := e.inspect(ctx, step.From)
	if err != nil {
		return err
	}
	owner := e.learn(old)
	if err := owner.permits(step.From); err != nil {
		return err
	}
	made, err := e.likeness(ctx, step, old)
	if err != nil {
		return err
	}
	// What a create is told apart by, when it is repeated.
	identity := compose.Service{Project: owner.project, Name: owner.service}
	identity.Digest.Hash = old.Config.Labels[labelHash]
	return e.realise(ctx, plan.Create{Container: step.Container, Service: identity}, made)
}

// likeness is the draft of a clone.
func (e *Engine) likeness(ctx context.Context, step plan.Clone, old container.InspectResponse) (draft, error) {
	made := draft{specification: specification{config: *old.Config, host: *old.HostConfig}}
	made.config.Image = e.imageFor(ctx, old)
	if made.config.Hostname == old.ID[:shortID] { // the engine's own choice
		made.config.Hostname = ""
	}
	made.host.Mounts = slices.Clone(old.HostConfig.Mounts)
	var err error
	if made.copies, err = e.copiesOf(ctx, old); err != nil {
		return draft{}, err
	}
	image, err := e.imageConfig(ctx, made.config.Image)
	if err != nil {
		return draft{}, err
	}
	adopt(&made, anonymousVolumes(old), image.Volumes)
	made.adopted = append(made.adopted, namesOf(old.Config.Labels[labelAdopted])...)
	slices.Sort(made.adopted)
	made.adopted = slices.Compact(made.adopted)

	labels := maps.Clone(old.Config.Labels)
	labels[labelGeneration] = strconv.Itoa(step.Ref.Generation)
	labels[labelCause] = step.Cause
	if len(made.adopted) > 0 {
		labels[labelAdopted] = strings.Join(made.adopted, ",")
	}
	made.config.Labels = labels
	made.networks = e.attachmentsOf(step, old)
	if len(made.networks) > 1 && !e.supports("1.44") {
		made.networks, made.later = made.networks[:1], made.networks[1:]
	}
	return made, nil
}

// imageFor is the name of a container's image where it still leads there, and else its ID.
func (e *Engine) imageFor(ctx context.Context, old container.InspectResponse) string {
	return e.imageStill(ctx, cmp.Or(old.Config.Labels[labelImage], old.Config.Image), old.Image)
}

// imageStill is the name of an image where it still leads there, and else its ID.
func (e *Engine) imageStill(ctx context.Context, name, id string) string {
	found, err := e.client.ImageInspect(ctx, name)
	if err == nil && found.ID == id {
		return name
	}
	return id
}

// attachmentsOf are the networks that a clone joins, the one that its network mode names first.
func (e *Engine) attachmentsOf(step plan.Clone, old container.InspectResponse) []attachment {
	if old.NetworkSettings == nil || !old.HostConfig.NetworkMode.IsUserDefined() {
		return nil
	}
	project := old.Config.Labels[labelProject]
	own := step.From.Ref.Alias(project)
	all := attachmentsLike(old)
	for _, a := range all {
		was := old.NetworkSettings.Networks[a.name]
		for _, alias := range was.Aliases {
			if alias != own && alias != old.ID[:shortID] {
				a.endpoint.Aliases = append(a.endpoint.Aliases, alias)
			}
		}
		a.endpoint.Aliases = append(a.endpoint.Aliases, step.Ref.Alias(project))
		if step.Alone && e.supports("1.44") { // whether the file asked for it is not told, and it does no harm then
			a.endpoint.MacAddress = was.MacAddress
		}
	}
	return all
}

// attachmentsLike are the networks of a container, without names and addresses there, the one that its network mode
// names first.
func attachmentsLike(old container.InspectResponse) []attachment {
	if old.NetworkSettings == nil || !old.HostConfig.NetworkMode.IsUserDefined() {
		return nil
	}
	var all []attachment
	for _, name := range slices.Sorted(maps.Keys(old.NetworkSettings.Networks)) {
		all = append(all, attachment{name: name, endpoint: endpointLike(old.NetworkSettings.Networks[name])})
	}
	first := string(old.HostConfig.NetworkMode)
	slices.SortStableFunc(all, func(a, b attachment) int {
		return cmp.Compare(strconv.FormatBool(b.name == first), strconv.FormatBool(a.name == first))
	})
	return all
}

// endpointLike is what another container can be in a network in which one is so: without names.
func endpointLike(was *network.EndpointSettings) *network.EndpointSettings {
	return &network.EndpointSettings{IPAMConfig: was.IPAMConfig, Links: was.Links, DriverOpts: was.DriverOpts, GwPriority: was.GwPriority}
}

// copiesOf reads the configs and secrets out of a container that were copied into it when it was made.
func (e *Engine) copiesOf(ctx context.Context, old container.InspectResponse) ([]copyIn, error) {
	labels := old.Config.Labels
	targets, known := labels[labelCopies]
	if !known && holdsFiles(digestOf(labels)) {
		return nil, errors.New("an older hyper-lite made it, and it does not say which configs and secrets were copied into it: replace it with `hyper-lite up --force-recreate`")
	}
	private := namesOf(labels[labelFiles])
	var copies []copyIn
	for _, target := range lines(targets) {
		f, err := e.fileOf(ctx, old.ID, target)
		if err != nil {
			return nil, fmt.Errorf("take over %s: %w", target, err)
		}
		folder := "/"
		for _, p := range private {
			if path.Dir(target) == p {
				folder = p
			}
		}
		i := slices.IndexFunc(copies, func(c copyIn) bool { return c.folder == folder })
		if i < 0 {
			i, copies = len(copies), append(copies, copyIn{folder: folder, volume: folder != "/"})
		}
		copies[i].files = append(copies[i].files, f)
	}
	return copies, nil
}

// holdsFiles says whether a container was made with configs or secrets.
func holdsFiles(digest compose.Digest) bool {
	for field := range digest.Fields {
		if strings.HasPrefix(field, "configs.") || strings.HasPrefix(field, "secrets.") {
			return true
		}
	}
	return false
}

// fileOf reads one file out of a container, with its owner and mode.
func (e *Engine) fileOf(ctx context.Context, id, target string) (file, error) {
	content, _, err := e.client.CopyFromContainer(ctx, id, target)
	if err != nil {
		return file{}, err
	}
	defer content.Close()
	archive := tar.NewReader(content)
	header, err := archive.Next()
	if err != nil {
		return file{}, err
	}
	if header.Typeflag != tar.TypeReg {
		return file{}, errors.New("it is no regular file any more")
	}
	f := file{what: target, target: target, uid: header.Uid, gid: header.Gid, mode: header.Mode & 0o7777}
	f.content, err = io.ReadAll(archive)
	return f, err
}

// copiesLabel are the files that are copied into a container, one a line: a path may hold anything else.
func copiesLabel(copies []copyIn) string {
	var targets []string
	for _, c := range copies {
		for _, f := range c.files {
			targets = append(targets, f.target)
		}
	}
	slices.Sort(targets)
	return strings.Join(targets, "\n")
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

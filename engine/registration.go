package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

const (
	// templates is the folder of a registration with the templates of its jobs. Only root may look into it. The engine takes
	// a millisecond to unpack a file, so that a job has none of its own: they lie together in files
	// by their names. One that is large has a file of its own, so that nobody else's run need read it.
	templates = "/hyper-lite-jobs"
	parts     = 32
	large     = 64 << 10 // bytes
	// keptVolumes is the folder at which it mounts the volumes of its jobs, so that the engine keeps them.
	keptVolumes = "/hyper-lite-volumes"
	// neverStarted stands in a registration's place for a program. There is none of that name, so that who starts it is
	// told.
	neverStarted = "/hyper-lite: jobs are registered by this container, which is never started"
)

// template is what the runs of a job are made of, in the engine's words. References to containers of services stand in it
// as the file has them: a run means those that are there when it is made.
type template struct {
	Config   container.Config     `json:"config"`
	Host     container.HostConfig `json:"host"`
	Platform *ocispec.Platform    `json:"platform,omitempty"`
	Networks []templateNetwork    `json:"networks,omitempty"`
	Copies   []templateCopies     `json:"copies,omitempty"`
	Before   []template           `json:"before,omitempty"` // of its pre_start hooks
}

type templateNetwork struct {
	Name     string                    `json:"name"`
	Endpoint *network.EndpointSettings `json:"endpoint"`
}

// templateCopies are the configs and secrets that are copied into one folder.
type templateCopies struct {
	Folder string         `json:"folder"`
	Volume bool           `json:"volume,omitempty"`
	Files  []templateFile `json:"files"`
}

type templateFile struct {
	What    string `json:"what"`
	Target  string `json:"target"`
	UID     int    `json:"uid"`
	GID     int    `json:"gid"`
	Mode    int64  `json:"mode"`
	Content []byte `json:"content"`
}

// templateOf is a draft that can be kept. In its networks a run has no names and no address of its own.
func templateOf(made draft) template {
	t := template{Config: made.config, Host: made.host, Platform: made.platform}
	for _, n := range slices.Concat(made.networks, made.later) {
		t.Networks = append(t.Networks, templateNetwork{n.name, &network.EndpointSettings{
			IPAMConfig: n.endpoint.IPAMConfig, Links: n.endpoint.Links, DriverOpts: n.endpoint.DriverOpts, GwPriority: n.endpoint.GwPriority,
		}})
	}
	for _, c := range made.copies {
		kept := templateCopies{Folder: c.folder, Volume: c.volume}
		for _, f := range c.files {
			kept.Files = append(kept.Files, templateFile{f.what, f.target, f.uid, f.gid, f.mode, f.content})
		}
		t.Copies = append(t.Copies, kept)
	}
	return t
}

// draft is the container that a template describes.
func (t template) draft() draft {
	made := draft{specification: specification{config: t.Config, host: t.Host, platform: t.Platform}}
	for _, n := range t.Networks {
		made.networks = append(made.networks, attachment{n.Name, n.Endpoint})
	}
	for _, kept := range t.Copies {
		c := copyIn{folder: kept.Folder, volume: kept.Volume}
		for _, f := range kept.Files {
			c.files = append(c.files, file{what: f.What, target: f.Target, uid: f.UID, gid: f.GID, mode: f.Mode, content: f.Content})
		}
		made.copies = append(made.copies, c)
	}
	return made
}

// partOf is the file in which a job's template lies: null stands in the place of one that has a file of its own.
func partOf(job string) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(job)) // a hash never fails
	return path.Join(templates, fmt.Sprintf("%02d.json.gz", sum.Sum32()%parts))
}

const alone = "job-"

func ownFileOf(job string) string { return path.Join(templates, alone+job+".json") }

// pack and unpack are of a file that several templates share: most of what stands in them is the same.
func pack(text []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	err = errors.Join(err, w.Close())
	return packed.Bytes(), err
}

func unpack(packed []byte) (map[string]json.RawMessage, error) {
	var part map[string]json.RawMessage
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	err = json.NewDecoder(r).Decode(&part)
	return part, err
}

// partsOf lays templates out in files.
func partsOf(texts map[string][]byte) ([]file, error) {
	var files []file
	shared := map[string]map[string]json.RawMessage{}
	for _, job := range slices.Sorted(maps.Keys(texts)) {
		part, text := partOf(job), texts[job]
		if len(text) > large {
			files = append(files, file{what: "job " + job, target: ownFileOf(job), mode: 0o600, content: text})
			text = []byte("null")
		}
		if shared[part] == nil {
			shared[part] = map[string]json.RawMessage{}
		}
		shared[part][job] = text
	}
	for _, part := range slices.Sorted(maps.Keys(shared)) {
		text, err := json.Marshal(shared[part])
		if err != nil {
			return nil, fmt.Errorf("encode jobs: %w", err)
		}
		packed, err := pack(text)
		if err != nil {
			return nil, fmt.Errorf("encode jobs: %w", err)
		}
		files = append(files, file{what: "jobs", target: part, mode: 0o600, content: packed})
	}
	return files, nil
}

// register makes the container by which jobs are registered: of their image, with their templates in it. A few calls do
// it, however many jobs there are.
func (e *Engine) register(ctx context.Context, step plan.Register) error {
	texts, err := e.takenOver(ctx, step)
	if err != nil {
		return err
	}
	all := map[string]template{}
	for job, text := range texts {
		var t template
		if err := json.Unmarshal(text, &t); err != nil {
			return fmt.Errorf("decode job %s: %w", job, err)
		}
		all[job] = t
	}
	for _, job := range step.Jobs {
		if job.From != nil {
			continue
		}
		ref := plan.Ref{Service: job.Job, Slot: 1, Generation: 1}
		made, err := e.draft(ctx, plan.Create{Container: plan.Container{Ref: ref}, Service: job.Service})
		if err != nil {
			return fmt.Errorf("job %s: %w", job.Job, err)
		}
		t := templateOf(made)
		for at, hook := range job.Service.PreStart {
			before, err := e.templateBefore(ctx, made, ref, hook.Service)
			if err != nil {
				return fmt.Errorf("job %s: %s hook %d: %w", job.Job, plan.PreStart, at+1, err)
			}
			t.Before = append(t.Before, before)
		}
		all[job.Job] = t
		if texts[job.Job], err = json.Marshal(all[job.Job]); err != nil {
			return fmt.Errorf("encode job %s: %w", job.Job, err)
		}
	}
	made, err := e.registration(ctx, step, all)
	if err != nil {
		return err
	}
	made.copies = []copyIn{{folder: "/", private: templates}}
	made.copies[0].files, err = partsOf(texts)
	if err != nil {
		return err
	}
	identity := compose.Service{Project: step.Project, Name: step.Ref.Service, Role: compose.RoleJob}
	identity.Digest.Hash = made.config.Labels[labelHash]
	return e.realise(ctx, plan.Create{Container: step.Container, Service: identity}, made)
}

// templateBefore is the template of a pre_start hook. What it will share with the very container that it runs before is thought of
// where its files are placed, and is no part of it.
func (e *Engine) templateBefore(ctx context.Context, of draft, ref plan.Ref, hook compose.Service) (template, error) {
	image, err := e.imageConfig(ctx, of.config.Image)
	if err != nil {
		return template{}, err
	}
	var places []string
	for _, m := range of.host.Mounts {
		if m.Type == mount.TypeVolume || m.Type == mount.TypeBind || m.Type == mount.TypeImage {
			places = append(places, path.Clean(m.Target))
		}
	}
	for _, bind := range of.host.Binds {
		places = append(places, path.Clean(bindTarget(bind)))
	}
	for place := range image.Volumes {
		places = append(places, path.Clean(place))
	}
	files, err := filesOf(hook)
	if err != nil {
		return template{}, err
	}
	taken := namesOf(of.config.Labels[labelFiles])
	for _, f := range files {
		taken = append(taken, path.Clean(f.target))
	}
	var shared []mount.Mount
	stands := &mount.VolumeOptions{} // a mount with these very options only stands for another one
	for _, place := range places {
		if !slices.Contains(taken, place) {
			shared = append(shared, mount.Mount{Type: mount.TypeVolume, Target: place, VolumeOptions: stands})
		}
	}
	hook.Role = compose.RoleJob // as with a job's own, what it refers to is resolved when it is made
	made, err := e.draft(ctx, plan.Create{Container: plan.Container{Ref: ref}, Service: hook}, shared...)
	if err != nil {
		return template{}, err
	}
	made.host.Mounts = slices.DeleteFunc(made.host.Mounts, func(m mount.Mount) bool { return m.VolumeOptions == stands })
	return templateOf(made), nil
}

// takenOver are the templates of jobs that other containers register, with a call for each of these.
func (e *Engine) takenOver(ctx context.Context, step plan.Register) (map[string][]byte, error) {
	texts := map[string][]byte{}
	wanted := map[string][]string{}
	for _, job := range step.Jobs {
		if job.From != nil {
			wanted[job.From.ID] = append(wanted[job.From.ID], job.Job)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		all, err := e.templatesOf(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("take over what registers %s: %w", strings.Join(wanted[id], ", "), err)
		}
		for _, job := range wanted[id] {
			text, ok := all[job]
			if !ok {
				return nil, fmt.Errorf("take over job %s: container %.12s does not have it: `hyper-lite up %s` registers it anew", job, id, job)
			}
			texts[job] = text
		}
	}
	return texts, nil
}

// templatesOf reads all templates out of a registration, by job.
func (e *Engine) templatesOf(ctx context.Context, id string) (map[string][]byte, error) {
	content, _, err := e.client.CopyFromContainer(ctx, id, templates)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return templatesIn(content)
}

// templatesIn are the templates in an archive of that folder, by job.
func templatesIn(content io.Reader) (map[string][]byte, error) {
	texts := map[string][]byte{}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return texts, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		if job, ok := strings.CutPrefix(path.Base(header.Name), alone); ok {
			texts[strings.TrimSuffix(job, ".json")] = text
			continue
		}
		part, err := unpack(text)
		if err != nil {
			return nil, fmt.Errorf("decode %s: %w", header.Name, err)
		}
		for job, text := range part {
			if string(text) != "null" {
				texts[job] = text
			}
		}
	}
}

// registration is the draft of a container that registers jobs, without their templates.
func (e *Engine) registration(ctx context.Context, step plan.Register, all map[string]template) (draft, error) {
	var made draft
	var volumes []string
	image, imageID := step.Image, ""
	for _, job := range slices.Sorted(maps.Keys(all)) {
		t := all[job]
		image, imageID, made.platform = t.Config.Labels[labelImage], t.Config.Labels[composeImage], t.Platform
		for _, one := range append([]template{t}, t.Before...) {
			volumes = append(volumes, namedVolumes(&one.Host)...)
		}
	}
	var err error
	if made.host.Mounts, err = e.keep(ctx, volumes); err != nil {
		return draft{}, err
	}
	made.config.Image = imageID
	made.config.Entrypoint = []string{neverStarted}
	made.host.NetworkMode = "none"
	sum := sha256.Sum256([]byte(step.Label))
	hash := "v1:" + hex.EncodeToString(sum[:])
	made.config.Labels = map[string]string{
		labelProject: step.Project, labelRole: string(compose.RoleJob), labelService: step.Ref.Service,
		labelSlot: strconv.Itoa(step.Ref.Slot), labelGeneration: strconv.Itoa(step.Ref.Generation),
		labelHash: hash, labelImage: image, labelJobs: step.Label,
		composeProject: step.Project, composeService: step.Ref.Service, composeNumber: strconv.Itoa(step.Ref.Slot),
		composeOneOff: oneOff(compose.RoleJob), composeHash: hash, composeImage: imageID, composeVersion: compose.LabelsVersion,
	}
	return made, nil
}

// namedVolumes are the volumes that a container mounts by name.
func namedVolumes(host *container.HostConfig) []string {
	var names []string
	for _, m := range host.Mounts {
		if m.Type == mount.TypeVolume && m.Source != "" {
			names = append(names, m.Source)
		}
	}
	for _, bind := range host.Binds {
		if source, _, _ := strings.Cut(bind, ":"); !path.IsAbs(source) {
			names = append(names, source)
		}
	}
	return names
}

// keep are mounts of volumes that are there for one thing: that the engine prunes none of them. Nothing is copied into
// them. A volume whose data lies elsewhere is none of them: pruned it would lose nothing, and the engine mounts all that
// there are, whoever may not answer, each time that a template is read.
func (e *Engine) keep(ctx context.Context, names []string) ([]mount.Mount, error) {
	if len(names) == 0 {
		return nil, nil
	}
	found, err := e.client.VolumeList(ctx, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("driver", "local"))})
	if err != nil {
		return nil, wrap(err, "list volumes")
	}
	var mounts []mount.Mount
	for _, v := range found.Volumes {
		if len(v.Options) == 0 && slices.Contains(names, v.Name) {
			mounts = append(mounts, mount.Mount{
				Type: mount.TypeVolume, Source: v.Name, Target: path.Join(keptVolumes, v.Name), ReadOnly: true,
				VolumeOptions: &mount.VolumeOptions{NoCopy: true},
			})
		}
	}
	slices.SortFunc(mounts, func(a, b mount.Mount) int { return strings.Compare(a.Source, b.Source) })
	return mounts, nil
}

// template reads what the runs of one job are made of. Where the job is not registered by that container any more the
// error is ErrGone.
func (e *Engine) template(ctx context.Context, id, job string) (template, error) {
	var t template
	text, err := e.templateText(ctx, id, job)
	if errdefs.IsNotFound(err) {
		if _, missing := e.client.ContainerInspect(ctx, id); missing == nil {
			return t, fmt.Errorf("container %.12s registers job %s and has nothing to make a run of: `docker rm %.12s`, then `hyper-lite up`", id, job, id)
		}
		return t, ErrGone
	}
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	return t, wrap(err, "read how job "+job+" is registered")
}

func (e *Engine) templateText(ctx context.Context, id, job string) ([]byte, error) {
	f, err := e.fileOf(ctx, id, partOf(job))
	if err != nil {
		return nil, err
	}
	part, err := unpack(f.content)
	if err != nil {
		return nil, err
	}
	text, ok := part[job]
	switch {
	case !ok:
		return nil, errdefs.ErrNotFound
	case string(text) != "null":
		return text, nil
	}
	f, err = e.fileOf(ctx, id, ownFileOf(job))
	return f.content, err
}

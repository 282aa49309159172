package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"hyper-lite/compose"
)

// defaultMode lets everybody in the container read a config or a secret, and nobody write it.
const defaultMode = 0o444

// file is one config or secret of a service. Its content goes nowhere but into the container.
type file struct {
	what     string // "config nginx", for messages
	target   string // absolute
	source   string // the file on our side; "" where the content comes from elsewhere
	content  []byte
	uid, gid int
	mode     int64
	plain    bool // the file asks for neither owner nor mode
}

// copyIn is one archive that is unpacked into a folder of a created container.
type copyIn struct {
	folder  string // "/" or a folder that is a volume of its own
	volume  bool
	private string // a folder that is made for the files, which only root may look into; "": none
	files   []file
}

// placeFiles decides how each config and secret comes into the container, and adds the mounts that this
// needs. Usually files are copied into the container's own file system. Where that is read-only, or
// something is mounted over the place, a plain file is bound read-only and everything else gets an
// anonymous volume at its folder.
func (e *Engine) placeFiles(service compose.Service, host *container.HostConfig) ([]copyIn, error) {
	files, err := filesOf(service)
	if err != nil {
		return nil, err
	}
	covers := coversOf(host)
	byFolder := map[string]*copyIn{}
	var order []string
	for _, f := range files {
		folder, kind := "/", inside
		if cover, covered := coverOf(f.target, covers, host.ReadonlyRootfs); covered {
			folder = path.Dir(f.target)
			kind = e.around(f, folder, cover)
		}
		switch kind {
		case bound:
			host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: f.source, Target: f.target, ReadOnly: true})
			continue
		case impossible:
			return nil, fmt.Errorf("%s cannot be put at %s: the place is read-only or covered by a mount; give it a target in a folder of its own", f.what, f.target)
		}
		if byFolder[folder] == nil {
			byFolder[folder] = &copyIn{folder: folder, volume: kind == ownVolume}
			order = append(order, folder)
		}
		byFolder[folder].files = append(byFolder[folder].files, f)
	}
	var copies []copyIn
	for _, folder := range order {
		if byFolder[folder].volume {
			host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: folder})
		}
		copies = append(copies, *byFolder[folder])
	}
	return copies, nil
}

type placement int

const (
	inside    placement = iota // copied into the container's file system
	bound                      // bound from our own file system
	ownVolume                  // copied into an anonymous volume
	impossible
)

func (e *Engine) around(f file, folder, cover string) placement {
	switch {
	case f.source != "" && f.plain && e.endpoint.local():
		return bound
	case folder == "/" || folder == cover:
		return impossible
	}
	return ownVolume
}

// coversOf are the places where something is mounted.
func coversOf(host *container.HostConfig) []string {
	var covers []string
	for _, m := range host.Mounts {
		covers = append(covers, path.Clean(m.Target))
	}
	for _, bind := range host.Binds {
		covers = append(covers, path.Clean(bindTarget(bind)))
	}
	for target := range host.Tmpfs {
		covers = append(covers, path.Clean(target))
	}
	return covers
}

// coverOf finds the innermost mount over a path; "" with true is a read-only file system.
func coverOf(target string, covers []string, readOnly bool) (string, bool) {
	innermost, covered := "", readOnly
	for _, cover := range covers {
		if (target == cover || strings.HasPrefix(target, strings.TrimSuffix(cover, "/")+"/")) && len(cover) > len(innermost) {
			innermost, covered = cover, true
		}
	}
	return innermost, covered
}

// bindTarget is where a bind of the form SOURCE:TARGET[:MODES] is mounted.
func bindTarget(bind string) string {
	parts := strings.Split(bind, ":")
	if len(parts) < 2 {
		return bind
	}
	return parts[1]
}

// foldersOf are the folders that are volumes only for copied-in files.
func foldersOf(copies []copyIn) string {
	var folders []string
	for _, c := range copies {
		if c.volume {
			folders = append(folders, c.folder)
		}
	}
	return strings.Join(folders, ",")
}

// filesOf reads the configs and secrets of a service, in the order of the file.
func filesOf(service compose.Service) ([]file, error) {
	var files []file
	var errs []error
	add := func(what string, use types.FileReferenceConfig, from types.FileObjectConfig, known bool, target string) {
		if !known {
			errs = append(errs, fmt.Errorf("%s is not in the file", what))
			return
		}
		f, err := readFile(what, use, from, target)
		errs = append(errs, err)
		files = append(files, f)
	}
	for _, use := range service.Body.Configs {
		from, known := service.Configs[use.Source]
		add("config "+use.Source, types.FileReferenceConfig(use), types.FileObjectConfig(from), known,
			within("/", use.Target, use.Source))
	}
	for _, use := range service.Body.Secrets {
		from, known := service.Secrets[use.Source]
		add("secret "+use.Source, types.FileReferenceConfig(use), types.FileObjectConfig(from), known,
			within("/run/secrets", use.Target, use.Source))
	}
	return files, errors.Join(errs...)
}

// within is the absolute path of a target; one that is not given is the source's name.
func within(folder, target, source string) string {
	if target == "" {
		target = source
	}
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(folder, target)
}

func readFile(what string, use types.FileReferenceConfig, from types.FileObjectConfig, target string) (file, error) {
	f := file{what: what, target: target, mode: defaultMode, plain: use.UID == "" && use.GID == "" && use.Mode == nil}
	if use.Mode != nil {
		f.mode = int64(*use.Mode)
	}
	var err error
	if f.uid, err = number(use.UID); err != nil {
		return f, fmt.Errorf("%s: uid %q is not a number", what, use.UID)
	}
	if f.gid, err = number(use.GID); err != nil {
		return f, fmt.Errorf("%s: gid %q is not a number", what, use.GID)
	}
	switch {
	case bool(from.External):
		return f, fmt.Errorf("%s is external, which needs a Swarm: use file, environment or content", what)
	case from.Driver != "":
		return f, fmt.Errorf("%s is of the driver %s, which needs a Swarm: use file or environment", what, from.Driver)
	case from.TemplateDriver != "":
		return f, fmt.Errorf("%s has the template driver %s, which needs a Swarm: write out what it says", what, from.TemplateDriver)
	case from.File != "":
		f.source = from.File
		if f.content, err = os.ReadFile(from.File); err != nil {
			return f, fmt.Errorf("read %s: %w", what, err)
		}
	default: // of a variable it is the value that the files saw, which may come from .env and may be empty
		f.content = []byte(from.Content)
	}
	return f, nil
}

func number(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.Atoi(text)
}

// copyIn unpacks the files into a created container.
func (e *Engine) copyIn(ctx context.Context, id string, copies []copyIn) error {
	for _, c := range copies {
		archive, err := c.archive()
		if err != nil {
			return err
		}
		if err := e.client.CopyToContainer(ctx, id, c.folder, archive, container.CopyToContainerOptions{}); err != nil {
			return fmt.Errorf("copy configs and secrets to %s: %w", c.folder, err)
		}
	}
	return nil
}

func (c copyIn) archive() (*bytes.Buffer, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if c.private != "" {
		header := &tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(c.private, "/") + "/", Mode: 0o700}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", c.private, err)
		}
	}
	for _, f := range slices.SortedFunc(slices.Values(c.files), func(a, b file) int { return strings.Compare(a.target, b.target) }) {
		header := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     strings.TrimPrefix(strings.TrimPrefix(f.target, c.folder), "/"),
			Mode:     f.mode, Uid: f.uid, Gid: f.gid, Size: int64(len(f.content)),
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.what, err)
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.what, err)
		}
	}
	return &archive, w.Close()
}

// privateVolumes are the anonymous volumes that hold only copied-in files, which go with their container.
// With adopted, so are those that were taken over: the engine has lost sight of their being anonymous.
func (e *Engine) privateVolumes(ctx context.Context, id string, adopted bool) ([]string, error) {
	e.mu.Lock()
	owner := e.ours[id]
	e.mu.Unlock()
	folders := namesOf(owner.files)
	if adopted {
		folders = append(folders, namesOf(owner.adopted)...)
	}
	if len(folders) == 0 {
		return nil, nil
	}
	found, err := e.client.ContainerInspect(ctx, id)
	if err != nil {
		return nil, gone(err)
	}
	var volumes []string
	for _, m := range found.Mounts {
		if m.Type == mount.TypeVolume && slices.Contains(folders, m.Destination) {
			volumes = append(volumes, m.Name)
		}
	}
	return volumes, nil
}

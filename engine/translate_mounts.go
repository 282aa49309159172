package engine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/mount"
)

// mountKeys say what is mounted into the container.
var mountKeys = []key{
	{name: "volumes", apply: (*translation).volumes},
	plain("volume_driver", func(t *translation) { t.host.VolumeDriver = t.body.VolumeDriver }),
	// "service:" references become containers in create.
	plain("volumes_from", func(t *translation) { t.host.VolumesFrom = slices.Clone(t.body.VolumesFrom) }),
	plain("tmpfs", func(t *translation) {
		for _, entry := range t.body.Tmpfs {
			if t.host.Tmpfs == nil {
				t.host.Tmpfs = map[string]string{}
			}
			path, options, _ := strings.Cut(entry, ":")
			t.host.Tmpfs[path] = options
		}
	}),
	plain("read_only", func(t *translation) { t.host.ReadonlyRootfs = t.body.ReadOnly }),
	plain("storage_opt", func(t *translation) { t.host.StorageOpt = t.body.StorageOpt }),
	plain("shm_size", func(t *translation) { t.host.ShmSize = int64(t.body.ShmSize) }),
}

func (t *translation) volumes() error {
	var errs []error
	for _, v := range t.body.Volumes {
		if err := t.volume(v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", v.Target, err))
		}
	}
	return errors.Join(errs...)
}

func (t *translation) volume(v types.ServiceVolumeConfig) error {
	switch v.Type {
	case types.VolumeTypeBind:
		return t.bind(v)
	case types.VolumeTypeVolume, "":
		return t.named(v)
	case types.VolumeTypeTmpfs:
		t.mount(tmpfs(v))
		return nil
	case types.VolumeTypeImage:
		return t.imageMount(v)
	case types.VolumeTypeNamedPipe:
		return errors.New("type npipe is for Windows containers, which are not supported")
	case types.VolumeTypeCluster:
		return errors.New("type cluster needs a Swarm: use a volume with a driver of its own")
	}
	return fmt.Errorf("type %q is not known: use bind, volume, tmpfs or image", v.Type)
}

func (t *translation) mount(m mount.Mount) { t.host.Mounts = append(t.host.Mounts, m) }

// bind chooses between the engine's two forms: only "a:b" makes a missing host folder on engines before
// API 1.42 and relabels for SELinux; only the long form refuses a missing one, and knows recursion.
func (t *translation) bind(v types.ServiceVolumeConfig) error {
	options := types.ServiceVolumeBind{CreateHostPath: true}
	if v.Bind != nil {
		options = *v.Bind
	}
	long := !bool(options.CreateHostPath) || strings.Contains(v.Source+v.Target, ":") ||
		!slices.Contains([]string{"", "enabled"}, options.Recursive)
	switch {
	case !long:
		t.host.Binds = append(t.host.Binds, shortBind(v, options))
		return nil
	case options.SELinux != "":
		return errors.New("bind.selinux cannot be combined with create_host_path: false, bind.recursive or a path with a colon")
	}
	return t.longBind(v, options)
}

func shortBind(v types.ServiceVolumeConfig, options types.ServiceVolumeBind) string {
	modes := []string{"rw"}
	if v.ReadOnly {
		modes[0] = "ro"
	}
	for _, mode := range []string{options.SELinux, options.Propagation, v.Consistency} {
		if mode != "" {
			modes = append(modes, mode)
		}
	}
	return v.Source + ":" + v.Target + ":" + strings.Join(modes, ",")
}

func (t *translation) longBind(v types.ServiceVolumeConfig, options types.ServiceVolumeBind) error {
	m := mount.Mount{
		Type: mount.TypeBind, Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly,
		Consistency: mount.Consistency(v.Consistency),
		BindOptions: &mount.BindOptions{Propagation: mount.Propagation(options.Propagation)},
	}
	if options.CreateHostPath {
		if err := t.needs("1.42"); err != nil {
			return fmt.Errorf("bind.create_host_path with bind.recursive or a path with a colon %w; set create_host_path: false", err)
		}
		m.BindOptions.CreateMountpoint = true
	}
	switch options.Recursive {
	case "", "enabled":
	case "disabled":
		m.BindOptions.NonRecursive = true
	case "writable":
		m.BindOptions.ReadOnlyNonRecursive = true
	case "readonly":
		m.BindOptions.ReadOnlyForceRecursive = true
	default:
		return fmt.Errorf("bind.recursive %q is not known: use enabled, disabled, writable or readonly", options.Recursive)
	}
	if m.BindOptions.ReadOnlyNonRecursive || m.BindOptions.ReadOnlyForceRecursive {
		if err := t.needs("1.44"); err != nil {
			return fmt.Errorf("bind.recursive: %s %w", options.Recursive, err)
		}
	}
	t.mount(m)
	return nil
}

// named is a volume of the file, or an anonymous one where it has no source.
func (t *translation) named(v types.ServiceVolumeConfig) error {
	m := mount.Mount{
		Type: mount.TypeVolume, Target: v.Target, ReadOnly: v.ReadOnly,
		Consistency: mount.Consistency(v.Consistency), VolumeOptions: &mount.VolumeOptions{},
	}
	if v.Source != "" {
		volume, ok := t.service.Volumes[v.Source]
		if !ok {
			return fmt.Errorf("volume %s is not among the volumes of the file", v.Source)
		}
		m.Source = volume.Name
	}
	if t.body.VolumeDriver != "" && v.Source == "" {
		m.VolumeOptions.DriverConfig = &mount.Driver{Name: t.body.VolumeDriver}
	}
	if v.Volume != nil {
		m.VolumeOptions.NoCopy = v.Volume.NoCopy
		m.VolumeOptions.Labels = v.Volume.Labels
		m.VolumeOptions.Subpath = v.Volume.Subpath
	}
	if m.VolumeOptions.Subpath != "" {
		if err := t.needs("1.45"); err != nil {
			return fmt.Errorf("volume.subpath %w", err)
		}
	}
	t.mount(m)
	return nil
}

func tmpfs(v types.ServiceVolumeConfig) mount.Mount {
	m := mount.Mount{Type: mount.TypeTmpfs, Target: v.Target, ReadOnly: v.ReadOnly}
	if v.Tmpfs != nil {
		m.TmpfsOptions = &mount.TmpfsOptions{
			SizeBytes: int64(v.Tmpfs.Size),
			Mode:      os.FileMode(v.Tmpfs.Mode),
		}
	}
	return m
}

func (t *translation) imageMount(v types.ServiceVolumeConfig) error {
	if err := t.needs("1.48"); err != nil {
		return fmt.Errorf("type image %w", err)
	}
	m := mount.Mount{Type: mount.TypeImage, Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
	if v.Image != nil && v.Image.SubPath != "" {
		m.ImageOptions = &mount.ImageOptions{Subpath: v.Image.SubPath}
	}
	t.mount(m)
	return nil
}

package engine

import (
	"maps"
	"path"
	"regexp"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// anonymousVolumes are the volumes of a container that neither its file nor its user named, by the path
// where they are mounted. Folders that hold only copied-in files are none of them.
func anonymousVolumes(old container.InspectResponse) map[string]string {
	private := namesOf(old.Config.Labels[labelFiles])
	named := map[string]bool{}
	for _, m := range old.HostConfig.Mounts {
		if m.Source != "" && !adopted(old, m) {
			named[path.Clean(m.Target)] = true
		}
	}
	for _, bind := range old.HostConfig.Binds {
		named[path.Clean(bindTarget(bind))] = true
	}
	volumes := map[string]string{}
	for _, m := range old.Mounts {
		if m.Type != mount.TypeVolume || named[m.Destination] || slices.Contains(private, m.Destination) {
			continue
		}
		volumes[m.Destination] = m.Name
	}
	return volumes
}

// anonymousPlaces are where a container of a list has its anonymous volumes, sorted: as far as lists tell, by the names that
// the engine itself makes up.
func anonymousPlaces(c container.Summary) []string {
	private := namesOf(c.Labels[labelFiles])
	var places []string
	for _, m := range c.Mounts {
		if m.Type == mount.TypeVolume && madeUp.MatchString(m.Name) && !slices.Contains(private, m.Destination) {
			places = append(places, m.Destination)
		}
	}
	slices.Sort(places)
	return places
}

// madeUp is how the engine names a volume that was given no name.
var madeUp = regexp.MustCompile("^[0-9a-f]{64}$")

// adopted says whether a named mount is an anonymous volume that was taken over before.
func adopted(old container.InspectResponse, m mount.Mount) bool {
	return m.Type == mount.TypeVolume && slices.Contains(namesOf(old.Config.Labels[labelAdopted]), path.Clean(m.Target))
}

// adopt mounts anonymous volumes where the new container has a place for them: one that the image declares, or its file.
func adopt(made *draft, anonymous map[string]string, declared map[string]struct{}) {
	private := namesOf(foldersOf(made.copies))
	taken, wanted := map[string]bool{}, map[string]bool{}
	for i, m := range made.host.Mounts {
		place := path.Clean(m.Target)
		old, there := anonymous[place]
		taken[place] = true
		if there && m.Type == mount.TypeVolume && m.Source == "" && !slices.Contains(private, place) {
			made.host.Mounts[i].Source = old
			made.adopted = append(made.adopted, place)
		}
	}
	for _, bind := range made.host.Binds {
		taken[path.Clean(bindTarget(bind))] = true
	}
	for place := range made.host.Tmpfs {
		taken[path.Clean(place)] = true
	}
	for place := range declared {
		wanted[path.Clean(place)] = true
	}
	for _, place := range slices.Sorted(maps.Keys(anonymous)) {
		if !wanted[place] || taken[place] {
			continue
		}
		made.host.Mounts = append(made.host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: anonymous[place], Target: place})
		made.adopted = append(made.adopted, place)
	}
	slices.Sort(made.adopted)
}

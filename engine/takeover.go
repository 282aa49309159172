package engine

import (
	"maps"
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
			named[m.Target] = true
		}
	}
	for _, bind := range old.HostConfig.Binds {
		named[bindTarget(bind)] = true
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
	return m.Type == mount.TypeVolume && slices.Contains(namesOf(old.Config.Labels[labelAdopted]), m.Target)
}

// adopt mounts anonymous volumes where the new container has a place for them.
func adopt(made *draft, anonymous map[string]string, declared map[string]struct{}) {
	private := namesOf(foldersOf(made.copies))
	taken := map[string]bool{}
	for i, m := range made.host.Mounts {
		old, there := anonymous[m.Target]
		taken[m.Target] = true
		if there && m.Type == mount.TypeVolume && m.Source == "" && !slices.Contains(private, m.Target) {
			made.host.Mounts[i].Source = old
			made.adopted = append(made.adopted, m.Target)
		}
	}
	for _, bind := range made.host.Binds {
		taken[bindTarget(bind)] = true
	}
	for path := range made.host.Tmpfs {
		taken[path] = true
	}
	for _, path := range slices.Sorted(maps.Keys(anonymous)) {
		if _, wanted := declared[path]; !wanted || taken[path] {
			continue
		}
		made.host.Mounts = append(made.host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: anonymous[path], Target: path})
		made.adopted = append(made.adopted, path)
	}
	slices.Sort(made.adopted)
}

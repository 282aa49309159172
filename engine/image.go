package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// references are the images that a plan for this project may ask for: those of its services and jobs, what these
// are made of, images mounted as volumes, the balancer's, and the sidecar's where the project needs one.
func (e *Engine) references(project compose.Project) ([]string, error) {
	wanted := map[string]bool{}
	if project.Settings.BalancerImage != "" {
		wanted[project.Settings.BalancerImage] = true
	}
	services := project.WithHooks()
	for i := 0; i < len(services); i++ {
		service := services[i]
		services = append(services, service.Bases...)
		wanted[imageOf(service)] = true
		if service.Body.Build != nil {
			for _, tag := range service.Body.Build.Tags {
				wanted[tag] = true
			}
		}
		if service.ImageID != "" {
			wanted[service.ImageID] = true
		}
		for _, v := range service.Body.Volumes {
			if v.Type == types.VolumeTypeImage {
				wanted[v.Source] = true
			}
		}
	}
	if e.options.Executable != "" && (project.Watched() || len(project.Jobs) > 0) {
		name, err := e.SidecarImage()
		if err != nil {
			return nil, err
		}
		wanted[name] = true
	}
	return slices.Sorted(maps.Keys(wanted)), nil
}

// matchImages finds, for each reference, the image that the engine would use for it.
func matchImages(references []string, images []image.Summary) map[string]plan.Image {
	byName := map[string]string{}
	for _, i := range images {
		byName[i.ID] = i.ID
		for _, name := range slices.Concat(i.RepoTags, i.RepoDigests) {
			byName[normal(name)] = i.ID
		}
	}
	matched := map[string]plan.Image{}
	for _, name := range references {
		id, ok := byName[name] // an ID
		if !ok {
			id, ok = byName[normal(name)]
		}
		if ok {
			matched[name] = plan.Image{ID: id}
		}
	}
	return matched
}

// addPinned looks for the images that services are pinned to and no list shows: one without a name, which another
// was built on.
func (e *Engine) addPinned(ctx context.Context, project compose.Project, matched map[string]plan.Image) error {
	for _, s := range project.Services {
		if _, known := matched[s.ImageID]; s.ImageID == "" || known {
			continue
		}
		found, err := e.client.ImageInspect(ctx, s.ImageID)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("inspect image %s: %w", s.ImageID, err)
		}
		matched[s.ImageID] = plan.Image{ID: found.ID}
	}
	return nil
}

// addPlatforms asks for what the images are that something is to be made of for a platform: a list does not tell.
func (e *Engine) addPlatforms(ctx context.Context, project compose.Project, matched map[string]plan.Image) error {
	for _, s := range project.WithHooks() {
		there, known := matched[s.Body.Image]
		if !known || s.Body.Platform == "" || there.Platform != "" {
			continue
		}
		found, err := e.client.ImageInspect(ctx, there.ID)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("inspect image %s: %w", s.Body.Image, err)
		}
		there.Platform = platformText(found)
		matched[s.Body.Image] = there
	}
	return nil
}

// platformText is what an image is for: "linux/arm64/v8".
func platformText(found image.InspectResponse) string {
	words := slices.DeleteFunc([]string{found.Os, found.Architecture, found.Variant}, func(word string) bool { return word == "" })
	return strings.Join(words, "/")
}

// normal is a reference's one full spelling: with its registry, its folder and its tag, whatever was left out.
// What is no reference, such as an image's ID, stands for itself.
func normal(name string) string {
	named, err := reference.ParseDockerRef(name)
	if err != nil {
		return name
	}
	return named.String()
}

func (e *Engine) remember(project string, images map[string]plan.Image) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.observed = project
	clear(e.images)
	for name, i := range images {
		e.images[normal(name)] = i.ID
	}
}

// forget drops what is known of a reference that is about to mean another image.
func (e *Engine) forget(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.images, normal(name))
}

// imageID is the ID of the image that a reference means now. It asks the engine only for references that
// were not observed.
func (e *Engine) imageID(ctx context.Context, name string) (string, error) {
	e.mu.Lock()
	id, ok := e.images[normal(name)]
	e.mu.Unlock()
	if ok {
		return id, nil
	}
	found, err := e.client.ImageInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return "", fmt.Errorf("the engine has no image %s: %w", name, err)
	}
	if err != nil {
		return "", fmt.Errorf("inspect image %s: %w", name, err)
	}
	e.mu.Lock()
	e.images[normal(name)] = found.ID
	e.mu.Unlock()
	return found.ID, nil
}

// imageConfig is what an image says of its containers.
func (e *Engine) imageConfig(ctx context.Context, name string) (dockerspec.DockerOCIImageConfig, error) {
	found, err := e.client.ImageInspect(ctx, name)
	if err != nil {
		return dockerspec.DockerOCIImageConfig{}, fmt.Errorf("inspect image %s: %w", name, err)
	}
	if found.Config == nil {
		return dockerspec.DockerOCIImageConfig{}, nil
	}
	return *found.Config, nil
}

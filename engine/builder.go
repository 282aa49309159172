package engine

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/registry"
	"github.com/moby/go-archive"
	"github.com/moby/patternmatcher/ignorefile"

	"hyper-lite/plan"
)

// inlineDockerfile is the name under which an inline Dockerfile stands in a build's context.
const inlineDockerfile = ".hyper-lite.dockerfile"

// buildByEngine uses the builder that every engine has. It cannot do all that buildx can: what it cannot
// is refused.
func (e *Engine) buildByEngine(ctx context.Context, step plan.Build) error {
	section := step.Service.Body.Build
	if section == nil {
		return errors.New("the service has no build section")
	}
	if errs := NeedsBuildx(step); len(errs) > 0 {
		return errors.Join(errs...)
	}
	options, err := buildOptions(step)
	if err != nil {
		return err
	}
	proxies, err := e.proxies()
	if err != nil {
		return err
	}
	for name, value := range proxies { // those of the file win
		if _, set := options.BuildArgs[name]; !set {
			options.BuildArgs[name] = value
		}
	}
	for {
		if err := e.sendBuild(ctx, step, options); err != nil || options.Platform == "" {
			return err
		}
		found, err := e.client.ImageInspect(ctx, step.Image)
		if err != nil {
			return fmt.Errorf("inspect image %s: %w", step.Image, err)
		}
		made := plan.Image{Platform: platformText(found)}
		if made.Fits(options.Platform) {
			return nil
		}
		if options.NoCache {
			return &PlatformError{Service: step.Service.Name, Made: made.Platform, Wanted: options.Platform}
		}
		options.NoCache = true // the engine took layers from its cache that are for another platform: those upon no base
	}
}

// PlatformError is a build that made an image for another platform than it was asked for.
type PlatformError struct {
	Service string
	Made    string // "linux/amd64"
	Wanted  string
}

func (e *PlatformError) Error() string {
	return fmt.Sprintf("what was built is for %s, not %s", e.Made, e.Wanted)
}

// Hint is what the user can do about it.
func (e *PlatformError) Hint() string {
	return fmt.Sprintf("the last FROM of its Dockerfile is for %s: take its --platform out, or name an image that is there for %s; or give service %s platform: %s",
		e.Made, e.Wanted, e.Service, e.Made)
}

// sendBuild packs what a build needs, and follows it to its end.
func (e *Engine) sendBuild(ctx context.Context, step plan.Build, options build.ImageBuildOptions) (err error) {
	section := step.Service.Body.Build
	var files io.ReadCloser
	if isRemote(section.Context) {
		options.RemoteContext = section.Context
	} else {
		if files, err = buildContext(section, options.Dockerfile); err != nil {
			return fmt.Errorf("pack build context %s: %w", section.Context, err)
		}
		defer files.Close()
	}
	var body io.Reader
	if files != nil {
		body = files
	}
	answer, err := e.client.ImageBuild(ctx, body, options)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return e.follow(step, answer.Body)
}

// NeedsBuildx says which keys and flags of a build the engine's own builder does not know.
func NeedsBuildx(step plan.Build) []error {
	section := step.Service.Body.Build
	var errs []error
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"additional_contexts", len(section.AdditionalContexts) > 0},
		{"cache_to", len(section.CacheTo) > 0},
		{"entitlements", len(section.Entitlements) > 0},
		{"no_cache_filter", len(section.NoCacheFilter) > 0},
		{"platforms (more than one)", len(section.Platforms) > 1},
		{"privileged", section.Privileged},
		{"provenance", section.Provenance != "" && section.Provenance != "false"},
		{"sbom", section.SBOM != "" && section.SBOM != "false"},
		{"secrets", len(section.Secrets) > 0},
		{"ssh", len(section.SSH) > 0},
		{"dockerfile_inline with a remote context", section.DockerfileInline != "" && isRemote(section.Context)},
	} {
		if k.set {
			errs = append(errs, fmt.Errorf("build.%s needs buildx: install the docker CLI with its buildx plugin", k.name))
		}
	}
	for _, flag := range []struct {
		name string
		set  bool
	}{{"--builder", step.Builder != ""}, {"--check", step.Check}} {
		if flag.set {
			errs = append(errs, fmt.Errorf("%s needs buildx: install the docker CLI with its buildx plugin", flag.name))
		}
	}
	return errs
}

func buildOptions(step plan.Build) (build.ImageBuildOptions, error) {
	section := step.Service.Body.Build
	credentials, err := allCredentials()
	if err != nil {
		return build.ImageBuildOptions{}, err
	}
	options := build.ImageBuildOptions{
		Tags:        append([]string{step.Image}, section.Tags...),
		Remove:      true,
		ForceRemove: true,
		NoCache:     section.NoCache || step.NoCache,
		PullParent:  section.Pull || step.Pull,
		BuildArgs:   resolvedArguments(section.Args),
		Labels:      section.Labels,
		CacheFrom:   section.CacheFrom,
		ExtraHosts:  slices.Sorted(slices.Values(section.ExtraHosts.AsList(":"))),
		NetworkMode: section.Network,
		Target:      section.Target,
		ShmSize:     int64(section.ShmSize),
		Ulimits:     ulimits(section.Ulimits),
		AuthConfigs: credentials,
		Platform:    firstOf(buildPlatforms(step.Service)),
		Memory:      step.Memory,
		Version:     build.BuilderV1,
	}
	switch {
	case section.DockerfileInline != "":
		options.Dockerfile = inlineDockerfile
	case isRemote(section.Context):
		options.Dockerfile = section.Dockerfile
	default:
		options.Dockerfile, err = dockerfileInContext(section)
	}
	return options, err
}

func firstOf(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// resolvedArguments are those with a value, or with one in our environment.
func resolvedArguments(arguments types.MappingWithEquals) map[string]*string {
	resolved := map[string]*string{}
	for name, value := range arguments {
		if value == nil {
			if own, set := os.LookupEnv(name); set {
				value = &own
			}
		}
		if value != nil {
			resolved[name] = value
		}
	}
	return resolved
}

// allCredentials are for the base images, of whatever registry.
func allCredentials() (map[string]registry.AuthConfig, error) {
	file, err := configuration()
	if err != nil {
		return nil, err
	}
	known, err := file.GetAllCredentials()
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	all := map[string]registry.AuthConfig{}
	for where, credentials := range known {
		all[where] = registry.AuthConfig(credentials)
	}
	return all, nil
}

// isRemote says whether the engine fetches the context itself.
func isRemote(context string) bool {
	for _, prefix := range []string{"http://", "https://", "git://", "git@", "ssh://", "github.com/"} {
		if strings.HasPrefix(context, prefix) {
			return true
		}
	}
	return false
}

// dockerfilePath is the Dockerfile as a path of its own.
func dockerfilePath(section *types.BuildConfig) string {
	if section.Dockerfile == "" || filepath.IsAbs(section.Dockerfile) || isRemote(section.Context) {
		return section.Dockerfile
	}
	return filepath.Join(section.Context, section.Dockerfile)
}

// dockerfileInContext is the Dockerfile's path within the context; one outside gets the inline name.
func dockerfileInContext(section *types.BuildConfig) (string, error) {
	relative, err := filepath.Rel(section.Context, cmp.Or(dockerfilePath(section), filepath.Join(section.Context, "Dockerfile")))
	if err != nil {
		return "", fmt.Errorf("find Dockerfile: %w", err)
	}
	if !filepath.IsLocal(relative) {
		return inlineDockerfile, nil
	}
	return filepath.ToSlash(relative), nil
}

// buildContext packs the context's folder without what its .dockerignore names; the Dockerfile and the
// .dockerignore always go along.
func buildContext(section *types.BuildConfig, dockerfile string) (io.ReadCloser, error) {
	if info, err := os.Stat(section.Context); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, errors.New("is not a folder")
	}
	excluded, err := ignored(section.Context, dockerfile)
	if err != nil {
		return nil, err
	}
	files, err := archive.TarWithOptions(section.Context, &archive.TarOptions{
		ExcludePatterns: excluded,
		ChownOpts:       &archive.ChownOpts{UID: 0, GID: 0},
	})
	if err != nil || dockerfile != inlineDockerfile {
		return files, err
	}
	content := []byte(section.DockerfileInline)
	if section.DockerfileInline == "" {
		if content, err = os.ReadFile(dockerfilePath(section)); err != nil {
			return nil, errors.Join(err, files.Close())
		}
	}
	return withFile(files, inlineDockerfile, content), nil
}

// ignored are the patterns of the Dockerfile's own ignore file, or else of the context's.
func ignored(folder, dockerfile string) ([]string, error) {
	for _, name := range []string{dockerfile + ".dockerignore", ".dockerignore"} {
		file, err := os.Open(filepath.Join(folder, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer file.Close()
		patterns, err := ignorefile.ReadAll(file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return append(patterns, "!"+dockerfile, "!.dockerignore"), nil
	}
	return nil, nil
}

// withFile adds one file to an archive while it is read.
func withFile(files io.ReadCloser, name string, content []byte) io.ReadCloser {
	reader, writer := io.Pipe()
	go func() {
		defer files.Close()
		writer.CloseWithError(appendFile(writer, files, name, content))
	}()
	return reader
}

func appendFile(to io.Writer, files io.Reader, name string, content []byte) error {
	in, out := tar.NewReader(files), tar.NewWriter(to)
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := out.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	if _, err := io.Copy(out, bytes.NewReader(content)); err != nil {
		return err
	}
	return out.Close()
}

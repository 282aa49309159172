package engine

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/client"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// noAttestations is the default, which build.provenance, build.sbom and the user's environment override: what an
// attestation says differs at each build, and with it, on an engine with containerd's image store, the image.
const noAttestations = "BUILDX_NO_DEFAULT_ATTESTATIONS=1"

// hasBuildx says whether the docker CLI is there and has its buildx plugin.
func hasBuildx(ctx context.Context) bool {
	return exec.CommandContext(ctx, "docker", "buildx", "version").Run() == nil
}

// buildByBuildx runs `docker buildx build` against our engine. Its plain progress is told line by line.
func (e *Engine) buildByBuildx(ctx context.Context, step plan.Build) error {
	arguments, inline, environment, err := buildxArguments(step)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "docker", arguments...)
	command.Env = slices.Concat([]string{noAttestations}, os.Environ(), environment, e.endpointEnvironment())
	if inline != "" {
		command.Stdin = strings.NewReader(inline)
	}
	output, err := command.StderrPipe()
	if err != nil {
		return fmt.Errorf("run docker buildx: %w", err)
	}
	command.Stdout = io.Discard
	if step.Check {
		command.Stdout = command.Stderr // the findings are its output
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("run docker buildx: %w", err)
	}
	last := e.relay(step, output)
	if err := command.Wait(); err != nil {
		if cause := ctx.Err(); cause != nil {
			return cause
		}
		return fmt.Errorf("docker buildx: %w:\n%s", err, strings.Join(last, "\n"))
	}
	return nil
}

// relay tells every line of a build and returns the last ones.
func (e *Engine) relay(step plan.Step, output io.Reader) []string {
	const most = 20
	var last []string
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if line == "" {
			continue
		}
		e.report(step, Progress{Text: line})
		if last = append(last, line); len(last) > most {
			last = last[1:]
		}
	}
	return last
}

// endpointEnvironment makes the docker CLI use the engine that we use.
func (e *Engine) endpointEnvironment() []string {
	if e.options.Context != "" {
		return []string{"DOCKER_CONTEXT=" + e.options.Context, client.EnvOverrideHost + "="}
	}
	if e.options.Host != "" {
		return []string{client.EnvOverrideHost + "=" + e.options.Host, "DOCKER_CONTEXT="}
	}
	return nil
}

// buildxArguments are the command line for a build, the Dockerfile that is given on stdin, if any, and
// the environment that carries the secrets' values, so that they stand in no process list.
func buildxArguments(step plan.Build) (arguments []string, inline string, environment []string, err error) {
	build := step.Service.Body.Build
	if build == nil {
		return nil, "", nil, errors.New("the service has no build section")
	}
	if step.Memory > 0 {
		return nil, "", nil, errors.New("--memory is of the engine's own builder: buildx has no such limit")
	}
	arguments = []string{"buildx", "build", "--progress", "plain"}
	if step.Builder != "" {
		arguments = append(arguments, "--builder", step.Builder)
	}
	if step.Check {
		arguments = append(arguments, "--check")
	} else {
		arguments = append(arguments, "--load", "--tag", step.Image)
	}
	flag := func(name, value string) {
		if value != "" {
			arguments = append(arguments, name, value)
		}
	}
	each := func(name string, values []string) {
		for _, value := range values {
			flag(name, value)
		}
	}
	switch {
	case build.DockerfileInline != "":
		inline = build.DockerfileInline
		flag("--file", "-")
	default:
		flag("--file", dockerfilePath(build))
	}
	each("--tag", build.Tags)
	each("--build-arg", buildArguments(build))
	each("--label", pairs(build.Labels))
	each("--cache-from", build.CacheFrom)
	each("--cache-to", build.CacheTo)
	each("--no-cache-filter", build.NoCacheFilter)
	each("--add-host", slices.Sorted(slices.Values(build.ExtraHosts.AsList("="))))
	each("--platform", buildPlatforms(step.Service))
	each("--allow", build.Entitlements)
	each("--build-context", pairs(build.AdditionalContexts))
	each("--ulimit", ulimitFlags(build.Ulimits))
	flag("--target", build.Target)
	flag("--network", build.Network)
	flag("--provenance", build.Provenance)
	flag("--sbom", build.SBOM)
	if build.ShmSize > 0 {
		flag("--shm-size", fmt.Sprint(int64(build.ShmSize)))
	}
	if build.Privileged {
		flag("--allow", "security.insecure")
	}
	if build.Pull || step.Pull {
		arguments = append(arguments, "--pull")
	}
	if build.NoCache || step.NoCache {
		arguments = append(arguments, "--no-cache")
	}
	for _, key := range slices.SortedFunc(slices.Values(build.SSH), func(a, b types.SSHKey) int { return cmp.Compare(a.ID, b.ID) }) {
		value := key.ID
		if key.Path != "" {
			value += "=" + key.Path
		}
		flag("--ssh", value)
	}
	secrets, environment, err := buildSecrets(step.Service, build)
	if err != nil {
		return nil, "", nil, err
	}
	each("--secret", secrets)
	return append(arguments, build.Context), inline, environment, nil
}

func buildSecrets(service compose.Service, build *types.BuildConfig) (flags, environment []string, err error) {
	for i, use := range build.Secrets {
		from, known := service.Secrets[use.Source]
		id := use.Target
		if id == "" {
			id = use.Source
		}
		switch {
		case !known:
			return nil, nil, fmt.Errorf("secret %s is not in the file", use.Source)
		case bool(from.External):
			return nil, nil, fmt.Errorf("secret %s is external, which needs a Swarm", use.Source)
		case from.File != "":
			flags = append(flags, fields("id="+id, "type=file", "src="+from.File))
		default:
			name := fmt.Sprintf("HYPER_LITE_BUILD_SECRET_%d", i)
			content := from.Content
			if content == "" && from.Environment != "" {
				content = os.Getenv(from.Environment)
			}
			environment = append(environment, name+"="+content)
			flags = append(flags, fields("id="+id, "type=env", "env="+name))
		}
	}
	return flags, environment, nil
}

// fields are one value of a flag that buildx reads as a line of CSV: a name with a comma or a quote in it is quoted.
func fields(values ...string) string {
	for i, value := range values {
		if strings.ContainsAny(value, `,"`) {
			values[i] = `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
		}
	}
	return strings.Join(values, ",")
}

// buildArguments are sorted; one without a value takes it from our environment, as the docker CLI does.
func buildArguments(build *types.BuildConfig) []string { return environment(build.Args) }

func pairs[M ~map[string]string](m M) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, name+"="+m[name])
	}
	return all
}

func ulimitFlags(limits map[string]*types.UlimitsConfig) []string {
	var all []string
	for _, limit := range ulimits(limits) {
		all = append(all, fmt.Sprintf("%s=%d:%d", limit.Name, limit.Soft, limit.Hard))
	}
	return all
}

// buildPlatforms is what the image is built for: build.platforms, else the service's platform. An engine
// keeps one, so that the service's own is chosen where there are several.
func buildPlatforms(service compose.Service) []string {
	platforms := []string(service.Body.Build.Platforms)
	switch {
	case service.Body.Platform != "" && (len(platforms) == 0 || slices.Contains(platforms, service.Body.Platform)):
		return []string{service.Body.Platform}
	case len(platforms) == 1:
		return platforms
	}
	return nil // the engine's own
}

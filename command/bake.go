package command

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/plan"
)

// bakeFile is what `docker buildx bake` reads.
type bakeFile struct {
	Group  map[string]bakeGroup  `json:"group"`
	Target map[string]bakeTarget `json:"target"`
}

type bakeGroup struct {
	Targets []string `json:"targets"`
}

type bakeTarget struct {
	Context          string            `json:"context"`
	Contexts         map[string]string `json:"contexts,omitempty"`
	Dockerfile       string            `json:"dockerfile,omitempty"`
	DockerfileInline string            `json:"dockerfile-inline,omitempty"`
	Args             map[string]string `json:"args,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
	Tags             []string          `json:"tags,omitempty"`
	CacheFrom        []string          `json:"cache-from,omitempty"`
	CacheTo          []string          `json:"cache-to,omitempty"`
	Target           string            `json:"target,omitempty"`
	Secret           []string          `json:"secret,omitempty"`
	SSH              []string          `json:"ssh,omitempty"`
	Platforms        []string          `json:"platforms,omitempty"`
	ExtraHosts       map[string]string `json:"extra-hosts,omitempty"`
	Network          string            `json:"network,omitempty"`
	ShmSize          string            `json:"shm-size,omitempty"`
	Ulimits          []string          `json:"ulimits,omitempty"`
	Entitlements     []string          `json:"entitlements,omitempty"`
	Attest           []string          `json:"attest,omitempty"`
	NoCacheFilter    []string          `json:"no-cache-filter,omitempty"`
	Pull             bool              `json:"pull,omitempty"`
	NoCache          bool              `json:"no-cache,omitempty"`
	Output           []string          `json:"output"`
}

// printBake prints the builds that a plan has, and builds nothing.
func (i *invocation) printBake(ctx context.Context, options plan.ImageOptions, more buildChanges) error {
	project, err := i.load(ctx, i.buildOptions(options))
	if err != nil {
		return err
	}
	if err := noSuchService(options.Services, serviceNames(project, nil)); err != nil {
		return err
	}
	next, err := plan.BuildAll(more.apply(project), options)
	if err != nil {
		return err
	}
	file := bakeFile{Group: map[string]bakeGroup{}, Target: map[string]bakeTarget{}}
	names := []string{}
	for _, n := range next.Nodes {
		if step, ok := n.Step.(plan.Build); ok {
			names = append(names, bakeName(step.Service.Name))
			file.Target[bakeName(step.Service.Name)] = newBakeTarget(step, options.Push)
		}
	}
	file.Group["default"] = bakeGroup{names}
	return printJSON(i.Out, file)
}

// bakeName is a service's name as bake takes it: without dots.
func bakeName(service string) string { return strings.ReplaceAll(service, ".", "_") }

func newBakeTarget(step plan.Build, push bool) bakeTarget {
	b := step.Service.Body.Build
	t := bakeTarget{
		Context: b.Context, DockerfileInline: b.DockerfileInline, Args: map[string]string{}, Labels: b.Labels,
		Tags: append(slices.Clone([]string(b.Tags)), step.Image), CacheFrom: b.CacheFrom, CacheTo: b.CacheTo, Target: b.Target,
		Platforms: b.Platforms, Network: b.Network, Entitlements: b.Entitlements, NoCacheFilter: b.NoCacheFilter,
		Pull: b.Pull || step.Pull, NoCache: b.NoCache || step.NoCache, Contexts: map[string]string{}, ExtraHosts: map[string]string{},
		Output: []string{"type=docker"},
	}
	if platform := step.Service.Body.Platform; len(t.Platforms) == 0 && platform != "" {
		t.Platforms = []string{platform}
	}
	if push {
		t.Output = []string{"type=image,push=true"}
	}
	if b.DockerfileInline == "" {
		t.Dockerfile = first(b.Dockerfile, "Dockerfile")
		if !filepath.IsAbs(t.Dockerfile) && filepath.IsAbs(b.Context) {
			t.Dockerfile = filepath.Join(b.Context, t.Dockerfile)
		}
	}
	for name, value := range b.Args {
		if own, set := os.LookupEnv(name); value == nil && set {
			value = &own
		}
		if value != nil {
			t.Args[name] = *value
		}
	}
	for name, from := range b.AdditionalContexts {
		for _, base := range step.Service.Bases {
			if from == "docker-image://"+base.Body.Image {
				from = "target:" + bakeName(base.Name)
			}
		}
		t.Contexts[name] = from
	}
	for host, addresses := range b.ExtraHosts {
		t.ExtraHosts[host] = strings.Join(addresses, ",")
	}
	if b.ShmSize > 0 {
		t.ShmSize = fmt.Sprint(int64(b.ShmSize))
	}
	for _, name := range slices.Sorted(maps.Keys(b.Ulimits)) {
		limit := *b.Ulimits[name]
		if limit.Single != 0 {
			limit.Soft, limit.Hard = limit.Single, limit.Single
		}
		t.Ulimits = append(t.Ulimits, fmt.Sprintf("%s=%d:%d", name, limit.Soft, limit.Hard))
	}
	for _, key := range b.SSH {
		t.SSH = append(t.SSH, strings.TrimSuffix(key.ID+"="+key.Path, "="))
	}
	for _, use := range b.Secrets {
		t.Secret = append(t.Secret, secretText(use, step.Service.Secrets[use.Source]))
	}
	for kind, value := range map[string]string{"provenance": b.Provenance, "sbom": b.SBOM} {
		if value != "" {
			t.Attest = append(t.Attest, attestText(kind, value))
		}
	}
	slices.Sort(t.Attest)
	return t
}

// secretText is where bake finds a secret: never its content.
func secretText(use types.ServiceSecretConfig, from types.SecretConfig) string {
	id := "id=" + first(use.Target, use.Source)
	if from.Environment != "" {
		return id + ",type=env,env=" + from.Environment
	}
	return id + ",type=file,src=" + from.File
}

// attestText is an attestation as bake takes it: the file says true, false or its parameters.
func attestText(kind, value string) string {
	switch value {
	case "true":
		return "type=" + kind
	case "false":
		return "type=" + kind + ",disabled=true"
	}
	return "type=" + kind + "," + value
}

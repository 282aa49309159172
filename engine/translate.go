package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"hyper-lite/compose"
)

// specification is a container in the engine's words.
type specification struct {
	config   container.Config
	host     container.HostConfig
	networks []attachment // in the order in which they are connected; the first is given at create
	platform *ocispec.Platform
}

// attachment is one network that a container joins.
type attachment struct {
	name     string
	endpoint *network.EndpointSettings
}

// key is one key of a Compose service that says something of its containers.
type key struct {
	name  string                          // as in the file: "cap_add", "deploy.resources"
	since string                          // the first API that can express it; "" is every supported one
	set   func(*types.ServiceConfig) bool // whether the file uses it; nil: apply finds out
	apply func(*translation) error        // writes it into the specification; nil: it is refused
	why   string                          // why it is refused, and what to do instead
}

// translation is one service on its way to a specification.
type translation struct {
	service compose.Service
	body    *types.ServiceConfig
	api     string
	read    func(path string) ([]byte, error)
	specification
}

// keys is the whole table. A key that is not in it says nothing of a container; a test names those.
var keys = slices.Concat(
	processKeys, healthKeys, portKeys, mountKeys, networkKeys, namespaceKeys,
	securityKeys, resourceKeys, deviceKeys, lifeKeys, refusedKeys,
)

// refusedKeys are those that no engine can express through its API, or that are not done.
var refusedKeys = []key{
	{
		name: "models", set: func(b *types.ServiceConfig) bool { return len(b.Models) > 0 },
		why: "model runners are not supported: run the model as a service",
	},
	{
		name: "provider", set: func(b *types.ServiceConfig) bool { return b.Provider != nil },
		why: "provider plugins are not supported",
	},
	{
		name: "umask", set: func(b *types.ServiceConfig) bool { return b.Umask != nil },
		why: "the engine's API has no such setting: set it in the entrypoint",
	},
	{
		name: "use_api_socket", set: func(b *types.ServiceConfig) bool { return b.UseAPISocket },
		why: "not supported: mount the engine's socket under volumes",
	},
	{
		name: "net", set: func(b *types.ServiceConfig) bool { return b.Net != "" },
		why: "an obsolete key: use network_mode",
	},
	{
		name: "dockerfile", set: func(b *types.ServiceConfig) bool { return b.Dockerfile != "" },
		why: "an obsolete key: use build.dockerfile",
	},
}

// Check says what would keep a service from becoming a container on an engine whose API has that version:
// keys that it cannot express, and configs and secrets that cannot be read. Each error names its key and
// what is needed. It changes nothing and asks no engine.
func Check(service compose.Service, api string) []error {
	_, errs := translate(service, api)
	for i, hook := range service.PreStart {
		errs = append(errs, checkHook(service.Name, i, hook.Service, api, errs)...)
	}
	_, err := filesOf(service)
	for _, err := range each(err) {
		errs = append(errs, fmt.Errorf("services.%s: %w", service.Name, err))
	}
	return errs
}

// checkHook is Check of a pre_start hook, without what was said of its service, from which it has most of its keys.
func checkHook(of string, at int, hook compose.Service, api string, said []error) []error {
	_, errs := translate(hook, api)
	var more []error
	for _, err := range errs {
		same := func(other error) bool { return other.Error() == err.Error() }
		if !slices.ContainsFunc(said, same) {
			more = append(more, fmt.Errorf("services.%s.pre_start[%d]: %w", of, at, err))
		}
	}
	return more
}

// translate writes a service in the engine's words. It does not know which replica it is for: labels,
// the replica's own alias and references to other containers are added by create.
func translate(service compose.Service, api string) (specification, []error) {
	body := service.Body
	t := &translation{service: service, body: &body, api: api}
	t.read = func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(body.CustomLabels[composeWorkingDir], path)
		}
		return os.ReadFile(path)
	}
	t.config.Image = imageOf(service)
	var errs []error
	for _, k := range keys {
		for _, err := range each(t.one(k)) {
			errs = append(errs, fmt.Errorf("services.%s.%s: %w", service.Name, k.name, err))
		}
	}
	return t.specification, errs
}

// each takes joined errors apart.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func (t *translation) one(k key) error {
	if k.set != nil && !k.set(t.body) {
		return nil
	}
	if k.apply == nil {
		return errors.New(k.why)
	}
	if err := t.needs(k.since); err != nil {
		return err
	}
	return k.apply(t)
}

// needs is an error where the engine is too old.
func (t *translation) needs(version string) error {
	if supports(t.api, version) {
		return nil
	}
	return fmt.Errorf("needs an engine with API %s or newer, this one has %s", version, t.api)
}

// plain is a key whose value is only copied.
func plain(name string, apply func(t *translation)) key {
	return key{name: name, apply: func(t *translation) error {
		apply(t)
		return nil
	}}
}

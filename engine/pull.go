package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/pkg/jsonmessage"

	"hyper-lite/plan"
)

// defaultRegistry is the registry of names that do not say one.
var defaultRegistry = func() string {
	bare, err := reference.ParseNormalizedNamed("name")
	if err != nil {
		panic(err) // a constant
	}
	return reference.Domain(bare)
}()

// defaultCredentials is the name under which the docker CLI keeps the credentials of the default registry.
var defaultCredentials = "https://index." + defaultRegistry + "/v1/"

// pull fetches an image with the credentials of the docker CLI's configuration, its helpers included.
func (e *Engine) pull(ctx context.Context, step plan.Pull) error {
	named, err := reference.ParseDockerRef(step.Image)
	if err != nil {
		return fmt.Errorf("read image name: %w", err)
	}
	credentials, err := credentialsFor(named)
	if err != nil {
		return err
	}
	encoded, err := registry.EncodeAuthConfig(credentials)
	if err != nil {
		return fmt.Errorf("encode credentials: %w", err)
	}
	e.forget(step.Image)
	progress, err := e.client.ImagePull(ctx, named.String(), image.PullOptions{RegistryAuth: encoded, Platform: step.Platform})
	if err != nil {
		return pullError(named, step.Services, err)
	}
	defer progress.Close()
	if err := e.follow(step, progress); err != nil {
		return pullError(named, step.Services, err)
	}
	return nil
}

// pullError adds who needs the image, and what to do.
func pullError(named reference.Named, services []string, cause error) error {
	if errors.Is(cause, context.Canceled) {
		return cause
	}
	where := reference.Domain(named)
	hint := "check that the engine's host reaches " + where + ", or load the image another way: docker load, or build:"
	if errdefs.IsNotFound(cause) || errdefs.IsUnauthorized(cause) || errdefs.IsPermissionDenied(cause) {
		hint = "check the name and the tag, and `docker login " + where + "` where the image is private"
	}
	if len(services) > 0 {
		return fmt.Errorf("needed by %s: %w; %s", strings.Join(services, ", "), cause, hint)
	}
	return fmt.Errorf("%w; %s", cause, hint)
}

// credentialsFor reads what the docker CLI knows of an image's registry; nothing is no error.
func credentialsFor(named reference.Named) (registry.AuthConfig, error) {
	file, err := config.Load(config.Dir())
	if err != nil {
		return registry.AuthConfig{}, fmt.Errorf("read docker configuration: %w", err)
	}
	where := reference.Domain(named)
	if where == defaultRegistry {
		where = defaultCredentials
	}
	known, err := file.GetAuthConfig(where)
	if err != nil {
		return registry.AuthConfig{}, fmt.Errorf("read credentials for %s: %w", where, err)
	}
	return registry.AuthConfig(known), nil
}

// follow reads the messages of a pull, build or import, tells of them, and returns the error that ends
// them.
func (e *Engine) follow(step plan.Step, messages io.Reader) error {
	decoder := json.NewDecoder(messages)
	for {
		var message jsonmessage.JSONMessage
		err := decoder.Decode(&message)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read progress: %w", err)
		}
		if message.Error != nil {
			return message.Error
		}
		progress := Progress{ID: message.ID, Text: message.Status}
		if message.Stream != "" {
			progress.Text = strings.TrimRight(message.Stream, "\n")
		}
		if message.Progress != nil {
			progress.Current, progress.Total = message.Progress.Current, message.Progress.Total
		}
		if progress.Text != "" || progress.ID != "" {
			e.report(step, progress)
		}
	}
}

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
	"github.com/docker/cli/cli/config/configfile"
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

// PullError says that an image could not be fetched, and who needs it.
type PullError struct {
	Registry string   // that was asked
	Services []string // that need the image
	Err      error
}

func (e *PullError) Error() string {
	if len(e.Services) == 0 {
		return e.Err.Error()
	}
	return "needed by " + strings.Join(e.Services, ", ") + ": " + e.Err.Error()
}

func (e *PullError) Unwrap() error { return e.Err }

// Hint is what to do. Not every engine tells a name that is wrong from a registry that is away or lets
// nobody in, so where it does not, all of them are named.
func (e *PullError) Hint() string {
	known := "check the name and the tag, and `docker login " + e.Registry + "` where the image is private"
	if errdefs.IsNotFound(e.Err) || errdefs.IsUnauthorized(e.Err) || errdefs.IsPermissionDenied(e.Err) {
		return known
	}
	return known + "\ncheck that the engine's host reaches " + e.Registry +
		"; an image can also be brought with `docker load`, or be built with `build:`"
}

// pull fetches an image with the credentials of the docker CLI's configuration, its helpers included. A
// helper that does not work is a warning: most images need no credentials.
func (e *Engine) pull(ctx context.Context, step plan.Pull) error {
	named, encoded, err := e.addressed(step, step.Image)
	if err != nil {
		return err
	}
	e.forget(step.Image)
	if err := e.fetch(ctx, step, named, encoded); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &PullError{Registry: reference.Domain(named), Services: step.Services, Err: err}
	}
	return nil
}

// addressed is an image's full name, and what the docker CLI knows of its registry as the engine takes it.
func (e *Engine) addressed(step plan.Step, image string) (reference.Named, string, error) {
	named, err := reference.ParseDockerRef(image)
	if err != nil {
		return nil, "", fmt.Errorf("read image name: %w", err)
	}
	file, err := configuration()
	if err != nil {
		return nil, "", err
	}
	credentials, err := credentialsFor(file, named)
	if err != nil {
		e.report(step, Progress{ID: "warning", Text: err.Error() + "; asking without"})
	}
	encoded, err := registry.EncodeAuthConfig(credentials)
	if err != nil {
		return nil, "", fmt.Errorf("encode credentials: %w", err)
	}
	return named, encoded, nil
}

func (e *Engine) fetch(ctx context.Context, step plan.Pull, named reference.Named, credentials string) error {
	progress, err := e.client.ImagePull(ctx, named.String(), image.PullOptions{RegistryAuth: credentials, Platform: step.Platform})
	if err != nil {
		return err
	}
	defer progress.Close()
	return e.follow(step, progress)
}

// credentialsFor finds what the docker CLI knows of an image's registry; nothing is no error.
func credentialsFor(file *configfile.ConfigFile, named reference.Named) (registry.AuthConfig, error) {
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

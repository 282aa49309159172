package engine

import (
	"context"
	"fmt"

	"github.com/distribution/reference"

	"hyper-lite/plan"
)

// ImageDigest asks an image's registry, through the engine and with the credentials of the docker CLI's configuration,
// what the image's name means now: "sha256:...".
func (e *Engine) ImageDigest(ctx context.Context, name string) (string, error) {
	named, credentials, err := e.addressed(plan.Pull{Image: name}, name)
	if err != nil {
		return "", err
	}
	found, err := e.client.DistributionInspect(ctx, named.String(), credentials)
	if err != nil {
		return "", fmt.Errorf("ask for the digest of image %s: %w", name, &PullError{Registry: reference.Domain(named), Err: err})
	}
	return found.Descriptor.Digest.String(), nil
}

package engine

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// lifeKeys say how the engine starts, stops and restarts the container, and where its log goes.
var lifeKeys = []key{
	plain("stop_signal", func(t *translation) { t.config.StopSignal = t.body.StopSignal }),
	plain("stop_grace_period", func(t *translation) {
		if t.body.StopGracePeriod != nil {
			seconds := wholeSeconds(time.Duration(*t.body.StopGracePeriod))
			t.config.StopTimeout = &seconds
		}
	}),
	{name: "restart", set: func(b *types.ServiceConfig) bool { return b.Restart != "" }, apply: (*translation).restart},
	{
		name:  "deploy.restart_policy",
		set:   func(b *types.ServiceConfig) bool { return b.Deploy != nil && b.Deploy.RestartPolicy != nil },
		apply: (*translation).restartPolicy,
	},
	plain("log_driver", func(t *translation) { t.host.LogConfig.Type = t.body.LogDriver }),
	plain("log_opt", func(t *translation) { t.host.LogConfig.Config = t.body.LogOpt }),
	plain("logging", func(t *translation) {
		if t.body.Logging != nil {
			t.host.LogConfig = container.LogConfig{Type: t.body.Logging.Driver, Config: t.body.Logging.Options}
		}
	}),
	{name: "platform", set: func(b *types.ServiceConfig) bool { return b.Platform != "" }, apply: (*translation).onPlatform},
}

// wholeSeconds rounds up: a grace period is never cut short.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

func (t *translation) restart() error {
	name, attempts, limited := strings.Cut(t.body.Restart, ":")
	policy := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
	if limited {
		count, err := strconv.Atoi(attempts)
		if err != nil {
			return fmt.Errorf("read %q: write on-failure:ATTEMPTS", t.body.Restart)
		}
		policy.MaximumRetryCount = count
	}
	if err := container.ValidateRestartPolicy(policy); err != nil {
		return err
	}
	t.host.RestartPolicy = policy
	return nil
}

// restartPolicy wins over restart. delay and window are the engine's own affair: it doubles its delay
// from 100 ms and starts anew after ten seconds of running.
func (t *translation) restartPolicy() error {
	policy := t.body.Deploy.RestartPolicy
	switch policy.Condition {
	case "none":
		t.host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyDisabled}
	case "on-failure":
		t.host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyOnFailure}
		if policy.MaxAttempts != nil {
			t.host.RestartPolicy.MaximumRetryCount = int(*policy.MaxAttempts)
		}
	case "any", "":
		t.host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyAlways}
	default:
		return fmt.Errorf("condition %q is not known: use none, on-failure or any", policy.Condition)
	}
	return nil
}

func (t *translation) onPlatform() error {
	platform, err := parsePlatform(t.body.Platform)
	t.platform = platform
	return err
}

// parsePlatform reads OS/ARCH[/VARIANT], or a lone OS or architecture, as the engine does.
func parsePlatform(text string) (*ocispec.Platform, error) {
	parts := strings.Split(text, "/")
	switch len(parts) {
	case 1:
		if parts[0] == "linux" || parts[0] == "windows" {
			return &ocispec.Platform{OS: parts[0]}, nil
		}
		return &ocispec.Platform{Architecture: parts[0]}, nil
	case 2:
		return &ocispec.Platform{OS: parts[0], Architecture: parts[1]}, nil
	case 3:
		return &ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}, nil
	}
	return nil, errors.New("write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT")
}

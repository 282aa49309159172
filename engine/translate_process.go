package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/strslice"
)

// processKeys say what runs in the container and in which surroundings.
var processKeys = []key{
	// nil leaves the image's own; an empty list clears it.
	plain("command", func(t *translation) { t.config.Cmd = strslice.StrSlice(t.body.Command) }),
	plain("entrypoint", func(t *translation) { t.config.Entrypoint = strslice.StrSlice(t.body.Entrypoint) }),
	plain("environment", func(t *translation) { t.config.Env = environment(t.body.Environment) }),
	plain("user", func(t *translation) { t.config.User = t.body.User }),
	plain("working_dir", func(t *translation) { t.config.WorkingDir = t.body.WorkingDir }),
	plain("hostname", func(t *translation) { t.config.Hostname = t.body.Hostname }),
	plain("domainname", func(t *translation) { t.config.Domainname = t.body.DomainName }),
	plain("stdin_open", func(t *translation) { t.config.OpenStdin = t.body.StdinOpen }),
	plain("tty", func(t *translation) { t.config.Tty = t.body.Tty }),
	plain("init", func(t *translation) { t.host.Init = t.body.Init }),
	plain("labels", func(t *translation) { t.config.Labels = t.body.Labels }),
	{
		name:  "annotations",
		since: "1.43",
		set:   func(b *types.ServiceConfig) bool { return len(b.Annotations) > 0 },
		apply: func(t *translation) error {
			t.host.Annotations = t.body.Annotations
			return nil
		},
	},
}

// environment is sorted. A variable without a value takes the image's own variable away.
func environment(variables types.MappingWithEquals) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if value := variables[name]; value != nil {
			name += "=" + *value
		}
		all = append(all, name)
	}
	return all
}

// healthKeys say how the engine judges the container.
var healthKeys = []key{
	{
		name:  "healthcheck.start_interval",
		since: "1.44",
		set:   func(b *types.ServiceConfig) bool { return b.HealthCheck != nil && b.HealthCheck.StartInterval != nil },
		apply: func(*translation) error { return nil }, // written with the rest
	},
	{
		name: "healthcheck",
		set:  func(b *types.ServiceConfig) bool { return b.HealthCheck != nil },
		apply: func(t *translation) error {
			t.config.Healthcheck = healthcheck(t.body.HealthCheck)
			if !supports(t.api, "1.44") {
				t.config.Healthcheck.StartInterval = 0 // told of above
			}
			return nil
		},
	},
}

func healthcheck(check *types.HealthCheckConfig) *container.HealthConfig {
	if check.Disable || len(check.Test) > 0 && check.Test[0] == "NONE" {
		return &container.HealthConfig{Test: []string{"NONE"}}
	}
	health := &container.HealthConfig{
		Test:          check.Test,
		Interval:      length(check.Interval),
		Timeout:       length(check.Timeout),
		StartPeriod:   length(check.StartPeriod),
		StartInterval: length(check.StartInterval),
	}
	if check.Retries != nil {
		health.Retries = int(*check.Retries)
	}
	return health
}

func length(d *types.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"gotest.tools/v3/assert"
)

// documented are the verbs and flags of docker compose 5.7.0's reference, without --dry-run, which every verb has. A
// flag that ends with = takes a value.
var documented = map[string][]string{
	"": {
		"--all-resources", "--ansi=", "--compatibility", "--dry-run", "--env-file=", "-f --file=", "--parallel=",
		"--profile=", "--progress=", "--project-directory=", "-p --project-name=",
	},
	"attach": {
		"--detach-keys=", "--index=", "--no-stdin", "--sig-proxy",
	},
	"build": {
		"--build-arg=", "--builder=", "--check", "-m --memory=", "--no-cache", "--print", "--provenance=", "--pull",
		"--push", "-q --quiet", "--sbom=", "--ssh=", "--with-dependencies",
	},
	"commit": {
		"-a --author=", "-c --change=", "--index=", "-m --message=", "-p --pause",
	},
	"config": {
		"--environment", "--format=", "--hash=", "--images", "--lock-image-digests", "--models", "--networks",
		"--no-consistency", "--no-env-resolution", "--no-interpolate", "--no-normalize", "--no-path-resolution",
		"-o --output=", "--profiles", "-q --quiet", "--resolve-image-digests", "--services", "--variables", "--volumes",
	},
	"cp": {
		"--all", "-a --archive", "-L --follow-link", "--index=",
	},
	"create": {
		"--build", "--force-recreate", "--no-build", "--no-recreate", "--pull=", "--quiet-pull", "--remove-orphans",
		"--scale=", "-y --yes",
	},
	"down": {
		"--remove-orphans", "--rmi=", "-t --timeout=", "-v --volumes",
	},
	"events": {
		"--json", "--since=", "--until=",
	},
	"exec": {
		"-d --detach", "-e --env=", "--index=", "-T --no-tty", "--privileged", "-u --user=", "-w --workdir=",
	},
	"export": {
		"--index=", "-o --output=",
	},
	"images": {
		"--format=", "-q --quiet",
	},
	"kill": {
		"--remove-orphans", "-s --signal=",
	},
	"logs": {
		"-f --follow", "--index=", "--no-color", "--no-log-prefix", "--since=", "-n --tail=", "-t --timestamps",
		"--until=",
	},
	"ls": {
		"-a --all", "--filter=", "--format=", "-q --quiet",
	},
	"port": {
		"--index=", "--protocol=",
	},
	"ps": {
		"-a --all", "--filter=", "--format=", "--no-trunc", "--orphans", "-q --quiet", "--services", "--status=",
	},
	"pull": {
		"--ignore-buildable", "--ignore-pull-failures", "--include-deps", "--policy=", "-q --quiet",
	},
	"push": {
		"--ignore-missing", "--include-deps", "-q --quiet",
	},
	"restart": {
		"--no-deps", "-t --timeout=",
	},
	"rm": {
		"-f --force", "-s --stop", "-v --volumes",
	},
	"run": {
		"--build", "--cap-add=", "--cap-drop=", "-d --detach", "--entrypoint=", "-e --env=", "--env-from-file=",
		"-i --interactive", "-l --label=", "--name=", "--no-deps", "--no-recreate", "-T --no-tty", "-p --publish=",
		"--pull=", "-q --quiet", "--quiet-build", "--quiet-pull", "--remove-orphans", "--rm", "-P --service-ports",
		"--use-aliases", "-u --user=", "-v --volume=", "-w --workdir=",
	},
	"scale": {
		"--no-deps",
	},
	"start": {
		"--wait", "--wait-timeout=",
	},
	"stats": {
		"--aggregate", "-a --all", "--all-projects", "--format=", "--no-stream", "--no-trunc",
	},
	"stop": {
		"-t --timeout=",
	},
	"up": {
		"--abort-on-container-exit", "--abort-on-container-failure", "--always-recreate-deps", "--attach=",
		"--attach-dependencies", "--build", "-d --detach", "--exit-code-from=", "--force-recreate", "--menu",
		"--no-attach=", "--no-build", "--no-color", "--no-deps", "--no-log-prefix", "--no-recreate", "--no-start",
		"--pull=", "--quiet-build", "--quiet-pull", "--remove-orphans", "-V --renew-anon-volumes", "--scale=",
		"-t --timeout=", "--timestamps", "--wait", "--wait-timeout=", "-w --watch", "-y --yes",
	},
	"version": {
		"-f --format=", "--short",
	},
	"volumes": {
		"--format=", "-q --quiet",
	},
	"wait": {
		"--down-project",
	},
	"watch": {
		"--no-up", "--prune", "--quiet",
	},
}

func TestEveryFlagOfDockerComposeIsKnown(t *testing.T) {
	app := (&program{}).tree()
	for verb, flags := range documented {
		for _, flag := range append(slices.Clone(flags), "--dry-run") {
			for name := range strings.FieldsSeq(strings.TrimSuffix(flag, "=")) {
				typed := append(strings.Fields(verb), name)
				if strings.HasSuffix(flag, "=") {
					typed = append(typed, "value")
				}
				_, err := readLine(app, typed)
				assert.NilError(t, err, "%v", typed)
			}
		}
	}
}

func TestEveryVerbOfDockerComposeIsThereOrRefused(t *testing.T) {
	app := (&program{}).tree()
	for verb := range documented {
		there := verb == "" || slices.ContainsFunc(app.Commands, func(c *cli.Command) bool { return c.Name == verb })
		assert.Assert(t, there, verb)
	}
	s := newShell(t, shop)
	r := s.run("publish", "shop/app:1")
	assert.Equal(t, r.code, 2)
	assert.Assert(t, strings.Contains(r.err, "publish") && strings.Contains(r.err, "oci://"), r.err)
	assert.Equal(t, len(s.engine.done), 0)
}

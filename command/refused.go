package command

import "github.com/urfave/cli/v2"

// refusal is a flag of docker compose that is not here. It is refused by name: a flag that is taken and ignored would be
// a promise that is not kept.
type refusal struct {
	flag string
	why  string
	hint string
}

// refusedFlags are those of every command.
var refusedFlags = []refusal{
	{
		flag: "compatibility",
		why:  "containers are named as docker compose names them today, with dashes; the names of its first version, with underscores, are not supported",
		hint: "leave --compatibility and COMPOSE_COMPATIBILITY out; `container_name` gives a single replica another name",
	},
	{
		flag: "verbose",
		why:  "there is no log of what the program does within",
		hint: "`--progress plain` shows every step, and `plan` says why",
	},
	{
		flag: "insecure-registry",
		why:  "files are not read from registries",
		hint: "images are fetched by the engine, whose configuration names its insecure registries",
	},
}

// refuse is the error of the first of these flags that was typed.
func refuse(c *cli.Context, flags []refusal) error {
	for _, r := range flags {
		if c.IsSet(r.flag) && c.Value(r.flag) != false {
			return r.error()
		}
	}
	return nil
}

func (r refusal) error() error { return &usageError{msg: "--" + r.flag + ": " + r.why, hint: r.hint} }

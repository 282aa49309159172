package command

import (
	"regexp"
	"slices"

	"github.com/urfave/cli/v2"
)

// tree is every verb and flag. It holds no state of its own: reading it changes nothing.
func (p *program) tree() *cli.App {
	app := &cli.App{
		Name:                      programName,
		Usage:                     "run compose files with replicas behind a load balancer on one Docker engine",
		Flags:                     globalFlags(),
		HideHelp:                  true,
		HideVersion:               true,
		DisableSliceFlagSeparator: true, // a comma is a letter of a file name
		Reader:                    p.In,
		Writer:                    p.Out,
		ErrWriter:                 p.Err,
		ExitErrHandler:            func(*cli.Context, error) {}, // errors are printed and ended in one place
		OnUsageError:              badValue,
		Action:                    p.bare,
		Commands: []*cli.Command{
			p.up(), p.down(), p.ps(), p.logs(),
			p.exec(), p.runVerb(), p.attachVerb(), p.top(), p.cp(), p.port(), p.wait(),
			p.create(), p.rm(), p.killVerb(), p.pauseVerb(), p.unpauseVerb(),
			p.start(), p.stop(), p.restart(), p.scale(),
			p.build(), p.pull(), p.push(), p.commit(), p.export(), p.watch(),
			p.ls(), p.images(), p.volumes(), p.stats(), p.events(),
			p.plan(), p.history(), p.rollback(), p.config(), p.schema(), p.lb(), p.service(), p.cron(),
			p.versionVerb(), p.completion(),
		},
	}
	prepare(app.Commands)
	return app
}

func prepare(commands []*cli.Command) {
	for _, c := range commands {
		c.HideHelp = true
		c.OnUsageError = badValue
		prepare(c.Subcommands)
	}
}

// bare is the program called with flags and no verb.
func (p *program) bare(c *cli.Context) error {
	if c.Bool("version") {
		return p.printVersion(c.Context, "", true)
	}
	return &usageError{msg: "no command given", hint: "`" + programName + " --help` lists them"}
}

// badValue is a flag whose value cannot be read.
func badValue(_ *cli.Context, err error, _ bool) error {
	said := unreadableValue.FindStringSubmatch(err.Error())
	if said == nil {
		return &usageError{msg: err.Error()}
	}
	flag, need := "--"+said[3], "a whole number"
	if len(said[3]) == 1 {
		flag = "-" + said[3]
	}
	if said[1] == "boolean " {
		need = "true or false"
	}
	return usagef("%s: %s is not allowed: it takes %s", flag, said[2], need)
}

// unreadableValue is how the parser says that a value is of another kind than its flag.
var unreadableValue = regexp.MustCompile(`(?s)^invalid (boolean |)value (".*") for (?:flag )?-([^:]+): `)

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "file", Aliases: []string{"f"}, Usage: "compose `FILE`; may be repeated, later ones override; - is the standard input"},
		&cli.StringFlag{Name: "project-name", Aliases: []string{"p"}, Usage: "project `NAME`"},
		&cli.StringFlag{Name: "project-directory", Usage: "`FOLDER` that relative paths start from (default: that of the first file)"},
		&cli.StringSliceFlag{Name: "profile", Usage: "`PROFILE` to switch on; may be repeated"},
		&cli.StringSliceFlag{Name: "env-file", Usage: "`FILE` with variables, instead of .env; may be repeated"},
		&cli.StringFlag{Name: "progress", Usage: "auto, tty, plain, json or quiet (default: auto)"},
		&cli.StringFlag{Name: "ansi", Usage: "colours and moving lines: never, always or auto (default: auto)"},
		&cli.StringFlag{Name: "parallel", Usage: "how many steps `N` run at once; -1 is no limit (default: 8)"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print what would be done and do nothing"},
		&cli.BoolFlag{Name: "no-wait-lock", Usage: "fail at once where another command holds the project"},
		&cli.StringFlag{Name: "host", Aliases: []string{"H"}, Usage: "engine `ADDRESS` (default: DOCKER_HOST, then the docker context)"},
		&cli.StringFlag{Name: "context", Usage: "docker context `NAME`"},
		&cli.BoolFlag{Name: "compatibility", Hidden: true}, // these three are refused, by name
		&cli.BoolFlag{Name: "verbose", Hidden: true},
		&cli.StringSliceFlag{Name: "insecure-registry", Hidden: true},
		&cli.BoolFlag{Name: "no-ansi", Hidden: true}, // these two are older names, out of sight
		&cli.StringFlag{Name: "workdir", Hidden: true},
		&cli.BoolFlag{Name: "all-resources", Usage: "networks, volumes and models of the files that nothing uses, too"},
		&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version"},
	}
}

// oneOf refuses a word that is not among the allowed ones.
func oneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return &usageError{msg: "--" + flag + ": " + quoted(value) + " is not allowed", hint: allowedHint(nearest(value, allowed), allowed)}
}

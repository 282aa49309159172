package command

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func (p *program) versionVerb() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Description: `hyper-lite version
hyper-lite version --short
hyper-lite version --format json`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "short", Usage: "the number only"},
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Usage: "pretty or json"},
		},
		Action: func(c *cli.Context) error { return p.printVersion(c.Context, c.String("format"), c.Bool("short")) },
	}
}

type versionRow struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source, where it is known
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (p *program) printVersion(_ context.Context, format string, short bool) error {
	row := versionRow{Version: p.version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			if s.Key == "vcs.revision" {
				row.Revision = s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	if format == "json" {
		return json.NewEncoder(p.Out).Encode(row)
	}
	if err := oneOf("format", first(format, "pretty"), "pretty", "json"); err != nil {
		return err
	}
	if short {
		_, err := fmt.Fprintln(p.Out, row.Version)
		return err
	}
	_, err := fmt.Fprintf(p.Out, "hyper-lite version %s\n", row.Version)
	if row.Revision != "" && err == nil {
		_, err = fmt.Fprintf(p.Out, "revision %s\n", row.Revision)
	}
	if err == nil {
		_, err = fmt.Fprintf(p.Out, "%s %s\n", row.Go, row.Platform)
	}
	return err
}

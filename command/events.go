package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/engine"
)

func (p *program) events() *cli.Command {
	return &cli.Command{
		Name:      "events",
		Usage:     "tell what happens to the containers, as it happens",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite events                          until Ctrl-C
hyper-lite events --json web               one JSON object a line
hyper-lite events --since 10m --until 0s   what happened in the last ten minutes`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "one JSON object a line"},
			&cli.StringFlag{Name: "since", Usage: "from this `TIME` on: 2026-01-02T13:23:37Z, or a duration as 42m"},
			&cli.StringFlag{Name: "until", Usage: "up to this `TIME`, written as that of --since; then it ends"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.events(ctx, c) }),
	}
}

func (i *invocation) events(ctx context.Context, c *cli.Context) error {
	if err := checkTimes(c, "since", "until"); err != nil {
		return err
	}
	services := c.Args().Slice()
	project, _, err := i.listed(ctx, services)
	if err != nil {
		return err
	}
	host, err := i.engine(ctx)
	if err != nil {
		return err
	}
	ctx, done := i.whileRead(ctx)
	defer done()
	happened, ended := host.EventsWithin(ctx, project.Name, engine.EventSpan{Since: c.String("since"), Until: c.String("until")})
	for {
		select {
		case e := <-happened:
			if e.Role != compose.RoleReplica || (len(services) > 0 && !slices.Contains(services, e.Ref.Service)) {
				continue
			}
			if err := printEvent(i.Out, e, c.Bool("json")); err != nil {
				return err
			}
		case err := <-ended:
			if errors.Is(err, io.EOF) && c.String("until") != "" {
				return nil
			}
			return followed(ctx, err)
		}
	}
}

// checkTimes refuses what is no time in flags that take one.
func checkTimes(c *cli.Context, flags ...string) error {
	for _, flag := range flags {
		if text := c.String(flag); text != "" && !engine.IsTime(text) {
			return usagef("--%s: %q is no time: it takes a time (2026-01-02T13:23:37Z) or a duration (42m)", flag, text)
		}
	}
	return nil
}

// eventRow is one event, in docker compose's field names.
type eventRow struct {
	Action     string            `json:"action"`
	Attributes map[string]string `json:"attributes"`
	ID         string            `json:"id"`
	Service    string            `json:"service"`
	Time       time.Time         `json:"time"`
	Type       string            `json:"type"`
}

func printEvent(out io.Writer, e engine.Event, asJSON bool) error {
	action := e.Action
	if e.Detail != "" {
		action += ": " + e.Detail
	}
	at := e.Time.Local()
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(eventRow{action, e.Attributes, e.ID, e.Ref.Service, at, "container"})
	}
	var words []string
	for _, name := range sortedKeys(e.Attributes) {
		words = append(words, name+"="+e.Attributes[name])
	}
	_, err := fmt.Fprintf(out, "%s container %s %s (%s)\n", at.Format("2006-01-02 15:04:05.000000"), action, e.ID, printable(strings.Join(words, ", ")))
	return err
}

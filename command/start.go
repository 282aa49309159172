package command

import (
	"github.com/urfave/cli/v2"

	"hyper-lite/plan"
)

func (p *program) start() *cli.Command {
	return &cli.Command{
		Name:      "start",
		Usage:     "start containers that were stopped",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite start
hyper-lite start --wait web                done when it is healthy, exit 3 when it cannot be`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "wait", Usage: "wait until all replicas are running and healthy"},
			&cli.StringFlag{Name: "wait-timeout", Usage: "the longest wait in `SECONDS`"},
		},
		Action: p.lifecycleAction("start", plan.StartAll),
	}
}

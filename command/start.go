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
hyper-lite start web`,
		Action: p.lifecycleAction("start", plan.StartAll),
	}
}

package command

import (
	"github.com/urfave/cli/v2"

	"hyper-lite/plan"
)

func (p *program) restart() *cli.Command {
	return &cli.Command{
		Name:      "restart",
		Usage:     "restart containers in place, as they are; routed ones wave by wave, withdrawn before",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite restart
hyper-lite restart --no-deps db`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "no-deps", Usage: "leave alone what depends on the services"},
			timeoutFlag(),
		},
		Action: p.lifecycleAction("restart", plan.RestartAll),
	}
}

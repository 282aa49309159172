package command

import (
	"github.com/urfave/cli/v2"

	"hyper-lite/plan"
)

func (p *program) stop() *cli.Command {
	return &cli.Command{
		Name:      "stop",
		Usage:     "stop containers and keep them",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite stop
hyper-lite stop -t 30 worker`,
		Flags:  []cli.Flag{timeoutFlag()},
		Action: p.lifecycleAction("stop", plan.StopAll),
	}
}

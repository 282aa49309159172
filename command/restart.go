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
hyper-lite restart --no-deps db
hyper-lite restart --rolling worker       wave by wave, as many at once as its deploy.update_config says`,
		UsageText: `What changed in the files is for ` + "`up`" + `, which replaces containers; restart does not see it.

Replicas behind the balancer are withdrawn and drained before they restart, and routed again once they are
healthy; a wave is deploy.update_config.parallelism replicas, with its delay between two. --rolling restarts all
other services so, too: the next wave begins when the last one has settled. A single replica cannot restart in place
without a gap: ` + "`service redeploy`" + ` replaces it. pre_stop hooks run before, post_start hooks after.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "rolling", Usage: "wave by wave, also where the balancer does not stand before a service"},
			&cli.BoolFlag{Name: "no-deps", Usage: "leave alone what depends on the services"},
			timeoutFlag(),
		},
		Action: p.lifecycleAction("restart", plan.RestartAll),
	}
}

package command

import (
	"context"
	"fmt"

	"github.com/distribution/reference"
	"github.com/urfave/cli/v2"

	"hyper-lite/engine"
)

func (p *program) commit() *cli.Command {
	return &cli.Command{
		Name:      "commit",
		Usage:     "make an image of a service's container, with all that was changed in it",
		ArgsUsage: "SERVICE [REPOSITORY[:TAG]]",
		Description: `hyper-lite commit web shop/web:debug
hyper-lite commit --index 2 -c 'CMD ["sh"]' -m 'as it was on Monday' web shop/web:monday`,
		Flags: []cli.Flag{
			indexFlag(),
			&cli.StringFlag{Name: "author", Aliases: []string{"a"}, Usage: "who made the image"},
			&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "what it is"},
			&cli.StringSliceFlag{Name: "change", Aliases: []string{"c"}, Usage: "`INSTRUCTION` of a Dockerfile to add, as in 'ENV A=1'; may be repeated"},
			&cli.BoolFlag{Name: "pause", Aliases: []string{"p"}, Value: true, Usage: "hold the container's processes meanwhile; --pause=false lets them run"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.commit(ctx, c) }),
	}
}

func (i *invocation) commit(ctx context.Context, c *cli.Context) error {
	if n := c.NArg(); n < 1 || n > 2 {
		return &usageError{msg: "commit needs a service, and may have the name of an image", hint: "as in `" + programName + " commit web shop/web:debug`"}
	}
	name := c.Args().Get(1)
	if name != "" {
		if _, err := reference.ParseNormalizedNamed(name); err != nil {
			return usagef("%q is no name of an image: %v", name, err)
		}
	}
	r, err := i.one(ctx, c)
	if err != nil {
		return err
	}
	if i.dryRun {
		_, err := fmt.Fprintf(i.Out, "container %s would be committed\n", r.Name)
		return err
	}
	host, err := i.engine(ctx)
	if err != nil {
		return err
	}
	id, err := host.Commit(ctx, r.ID, engine.CommitOptions{
		Reference: name, Author: c.String("author"), Message: c.String("message"), Changes: c.StringSlice("change"), Pause: c.Bool("pause"),
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(i.Out, id)
	return err
}

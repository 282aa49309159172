package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
)

func (p *program) export() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the file system of a service's container as a tar archive",
		ArgsUsage: "SERVICE",
		Description: `hyper-lite export -o web.tar web
hyper-lite export --index 2 web | tar -t`,
		Flags: []cli.Flag{
			indexFlag(),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.export(ctx, c) }),
	}
}

func (i *invocation) export(ctx context.Context, c *cli.Context) error {
	if c.NArg() != 1 {
		return &usageError{msg: "export needs one service", hint: "as in `" + programName + " export -o web.tar web`"}
	}
	path := c.String("output")
	if path == "" && isTerminal(i.Out) {
		return &usageError{msg: "export does not write an archive to a terminal", hint: "give it a file: -o FILE"}
	}
	r, err := i.one(ctx, c)
	if err != nil {
		return err
	}
	if i.dryRun {
		_, err := fmt.Fprintf(i.Out, "container %s would be exported\n", r.Name)
		return err
	}
	host, err := i.engine(ctx)
	if err != nil {
		return err
	}
	if path == "" {
		return host.Export(ctx, r.ID, i.Out)
	}
	return writeWhole(path, func(to io.Writer) error { return host.Export(ctx, r.ID, to) })
}

// writeWhole makes or replaces a file by one that is complete: where it cannot be, the old one stays as it was.
func writeWhole(path string, write func(to io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(file.Name(), path)
}

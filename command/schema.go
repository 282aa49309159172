package command

import (
	"bytes"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
)

func (p *program) schema() *cli.Command {
	return &cli.Command{
		Name:        "schema",
		Usage:       "print a JSON Schema of the files, for editors",
		Description: `hyper-lite schema > hyper-lite.schema.json`,
		UsageText:   "Editors find it by the first line of compose.yaml: `# yaml-language-server: $schema=./hyper-lite.schema.json`",
		Action: func(*cli.Context) error {
			text, err := compose.Schema()
			if err != nil {
				return err
			}
			_, err = p.Out.Write(append(bytes.TrimSpace(text), '\n'))
			return err
		},
	}
}

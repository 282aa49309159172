package engine

import "context"

// Processes are those of one container, as ps tells them.
type Processes struct {
	Titles []string
	Rows   [][]string // one entry a title
}

// Top lists the processes of a container that runs.
func (e *Engine) Top(ctx context.Context, name string) (Processes, error) {
	list, err := e.client.ContainerTop(ctx, name, nil)
	if err != nil {
		return Processes{}, wrap(err, "list processes of container "+name)
	}
	return Processes{Titles: list.Titles, Rows: list.Processes}, nil
}

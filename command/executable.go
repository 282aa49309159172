package command

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// sidecarExecutable is the Linux executable that the sidecar's image is made of, or "" where there is none: this
// program on Linux, and elsewhere the one that was shipped beside it.
func sidecarExecutable() string {
	own, err := os.Executable()
	if err != nil {
		return ""
	}
	if runtime.GOOS == "linux" {
		return own
	}
	if real, err := filepath.EvalSymlinks(own); err == nil {
		own = real
	}
	beside := filepath.Join(filepath.Dir(own), "hyper-lite-linux-"+runtime.GOARCH)
	if _, err := os.Stat(beside); err != nil {
		return ""
	}
	return beside
}

// checkExecutable says why an executable cannot be the sidecar's: its image holds nothing else, no C library
// either.
func checkExecutable(path string) error {
	if path == "" {
		return &hinted{
			fmt.Errorf("make the sidecar: no Linux executable of hyper-lite for %s", runtime.GOARCH),
			fmt.Sprintf("put hyper-lite-linux-%s of the same release beside this executable", runtime.GOARCH),
		}
	}
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("make the sidecar of %s: %w", path, err)
	}
	defer file.Close() //nolint:errcheck // only read
	needs := func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }
	if !slices.ContainsFunc(file.Progs, needs) {
		return nil
	}
	return &hinted{
		fmt.Errorf("make the sidecar of %s: it needs the C library, which the sidecar's image does not have", path),
		"build it with CGO_ENABLED=0, as `make build` does",
	}
}

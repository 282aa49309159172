//go:build engine

package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// TestEnvironmentPrecedence is docker compose's table (docs, "Environment variables precedence"): what VALUE is in the
// container, where it is set in these places. "-" is not set.
func TestEnvironmentPrecedence(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {}\n")
	image := p.name + "-env:1"
	p.dropImage(image)
	p.write("Dockerfile", "FROM hyper-lite-demo\nENV VALUE=1.5\n")
	p.write("build.yaml", "services: {web: {image: "+image+", build: .}}\n")
	p.must("-f", "build.yaml", "build", "-q")
	for at, row := range []string{
		// run -e   environment   env_file    image       host        .env        result
		"-          -             -           -           VALUE=1.4   VALUE=1.3   -",
		"-          -             VALUE=1.6   VALUE=1.5   VALUE=1.4   -           1.6",
		"-          VALUE=1.7     -           VALUE=1.5   VALUE=1.4   -           1.7",
		"-          -             -           VALUE=1.5   VALUE=1.4   VALUE=1.3   1.5",
		"VALUE=1.8  -             -           VALUE=1.5   VALUE=1.4   VALUE=1.3   1.8",
		"VALUE      -             -           VALUE=1.5   VALUE=1.4   VALUE=1.3   1.4",
		"VALUE      -             -           VALUE=1.5   -           VALUE=1.3   1.3",
		"-          -             VALUE       VALUE=1.5   VALUE=1.4   VALUE=1.3   1.4",
		"-          -             VALUE       VALUE=1.5   -           VALUE=1.3   1.3",
		"-          VALUE         -           VALUE=1.5   VALUE=1.4   VALUE=1.3   1.4",
		"-          VALUE         -           VALUE=1.5   -           VALUE=1.3   1.3",
		"VALUE      VALUE=1.7     VALUE=1.6   VALUE=1.5   VALUE=1.4   VALUE=1.3   1.4",
		"VALUE=1.8  VALUE=1.7     VALUE=1.6   VALUE=1.5   VALUE=1.4   VALUE=1.3   1.8",
		"VALUE=1.8  -             VALUE=1.6   VALUE=1.5   VALUE=1.4   VALUE=1.3   1.8",
		"VALUE=1.8  VALUE=1.7     -           VALUE=1.5   VALUE=1.4   VALUE=1.3   1.8",
	} {
		cells := strings.Fields(row)
		run, attribute, file, ofImage, host, dotenv, want := cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]
		service := "    image: hyper-lite-demo\n"
		if ofImage != "-" {
			service = "    image: " + image + "\n"
		}
		if attribute != "-" {
			service += "    environment: [" + attribute + "]\n"
		}
		if file != "-" {
			p.write("value.env", file+"\n")
			service += "    env_file: value.env\n"
		}
		p.write("compose.yaml", "services:\n  web:\n"+service)
		p.write(".env", strings.TrimPrefix(dotenv, "-")+"\n")
		name := fmt.Sprintf("%s-row-%d", p.name, at+1)
		typed := []string{"run", "-d", "--name", name}
		if run != "-" {
			typed = append(typed, "-e", run)
		}
		typed = append(typed, "web", "wait", "60s")
		if host == "-" {
			p.must(typed...)
		} else {
			p.at(host, func() { p.must(typed...) })
		}
		got := "-"
		for _, entry := range p.inspect(fmt.Sprintf("row-%d", at+1)).Config.Env {
			if value, ok := strings.CutPrefix(entry, "VALUE="); ok {
				got = value
			}
		}
		assert.Equal(t, got, want, row)
	}
	assert.NilError(t, os.Remove(filepath.Join(p.dir, ".env")))
}

package tests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// examples are the folders of compose files that people copy.
func examples(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("../examples")
	assert.NilError(t, err)
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	assert.Assert(t, len(names) >= 5, "%v", names)
	return names
}

// copyExample copies a folder of examples, with nothing in it that a run left there, and returns the copy.
func copyExample(t *testing.T, name string) string {
	t.Helper()
	from, to := filepath.Join("../examples", name), t.TempDir()
	entries, err := os.ReadDir(from)
	assert.NilError(t, err)
	for _, entry := range entries {
		if entry.IsDir() || entry.Name() == "certificate.pem" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, entry.Name()))
		assert.NilError(t, err)
		info, err := entry.Info()
		assert.NilError(t, err)
		assert.NilError(t, os.WriteFile(filepath.Join(to, entry.Name()), content, info.Mode().Perm()))
	}
	return to
}

func TestExamplesLoadAndPlanWithoutWarnings(t *testing.T) {
	want := map[string]struct {
		services, jobs []string
		replicas       int
	}{
		"quickstart": {[]string{"web"}, nil, 3},
		"tcp":        {[]string{"redis"}, nil, 1},
		"https-term": {[]string{"web"}, nil, 2},
		"three-tier": {[]string{"database", "migrate", "web", "worker"}, nil, 7},
		"jobs":       {[]string{"web"}, []string{"backup", "report", "restore", "sweep"}, 1},
	}
	for _, name := range examples(t) {
		t.Run(name, func(t *testing.T) {
			dir := copyExample(t, name)
			options := compose.LoadOptions{WorkDir: dir}
			if name == "https-term" {
				makeCertificate(t, dir)
			}
			project, warnings, err := compose.Load(t.Context(), options)
			assert.NilError(t, err)
			assert.Equal(t, len(warnings), 0, "%v", warnings)
			var services, jobs []string
			for _, s := range project.Services {
				services = append(services, s.Name)
			}
			for _, j := range project.Jobs {
				jobs = append(jobs, j.Name)
			}
			slices.Sort(services)
			known, ok := want[name]
			assert.Assert(t, ok, "say here what example %s is", name)
			assert.DeepEqual(t, services, known.services)
			assert.DeepEqual(t, jobs, known.jobs)

			have := plan.Observed{Images: map[string]plan.Image{}}
			for _, s := range project.Services {
				have.Images[s.Body.Image] = plan.Image{ID: "sha256:" + s.Body.Image}
			}
			next, err := plan.Make(project, have, plan.Options{})
			assert.NilError(t, err)
			assert.Equal(t, len(next.Warnings), 0, "%v", next.Warnings)
			created := map[string]int{}
			for _, n := range next.Nodes {
				switch step := n.Step.(type) {
				case plan.Create:
					created[step.Service.Name]++
				case plan.Register:
					for _, change := range step.Changes {
						created[change.Job]++
					}
				}
			}
			total := 0
			for name, n := range created {
				if !slices.Contains(jobs, name) {
					total += n
				}
			}
			assert.Equal(t, total, known.replicas, "%v", created)
			for _, job := range jobs {
				assert.Equal(t, created[job], 1, "up registers a job once")
			}
		})
	}
}

func TestExamplesFitTheSchemaForEditors(t *testing.T) {
	text, err := compose.Schema()
	assert.NilError(t, err)
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	assert.NilError(t, err)
	compiler := jsonschema.NewCompiler()
	assert.NilError(t, compiler.AddResource("schema.json", tree))
	schema, err := compiler.Compile("schema.json")
	assert.NilError(t, err)
	for _, name := range examples(t) {
		content, err := os.ReadFile(filepath.Join("../examples", name, "compose.yaml"))
		assert.NilError(t, err)
		var file any
		assert.NilError(t, yaml.Unmarshal(content, &file))
		assert.NilError(t, schema.Validate(plainTree(file)), name)
		wrong := strings.Replace(string(content), "protocol:", "protocl:", 1)
		assert.NilError(t, yaml.Unmarshal([]byte(wrong), &file))
		assert.Assert(t, schema.Validate(plainTree(file)) != nil, "the schema of %s finds no mistake", name)
	}
}

// plainTree is a tree as JSON has it: its numbers are as a JSON reader gives them.
func plainTree(node any) any {
	switch v := node.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = plainTree(value)
		}
	case map[any]any:
		plain := map[string]any{}
		for key, value := range v {
			plain[key.(string)] = plainTree(value)
		}
		return plain
	case []any:
		for at, value := range v {
			v[at] = plainTree(value)
		}
	}
	return node
}

// makeCertificate runs the script of the example on TLS in a copy of its folder.
func makeCertificate(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "make-certificate.sh")).CombinedOutput()
	assert.NilError(t, err, "%s", out)
}

// A recorded project is what it was: every example comes back with equal containers.
func TestExamplesAreRestored(t *testing.T) {
	for _, name := range examples(t) {
		t.Run(name, func(t *testing.T) {
			dir := copyExample(t, name)
			if name == "https-term" {
				makeCertificate(t, dir)
			}
			project, _, err := compose.Load(t.Context(), compose.LoadOptions{WorkDir: dir})
			assert.NilError(t, err)
			text, err := compose.Canonical(project, "json")
			assert.NilError(t, err)
			options := compose.RestoreOptions{Name: "revision 1", Dir: dir, Files: project.Files, Services: map[string]compose.Recorded{}}
			for _, s := range project.Services {
				options.Services[s.Name] = compose.Recorded{Replicas: s.Replicas, Digest: s.Digest}
			}
			again, warnings, err := compose.Restore(t.Context(), text, options)
			assert.NilError(t, err)
			assert.Equal(t, len(warnings), 0, "%v", warnings)
			assert.Equal(t, len(again.Services)+len(again.Jobs), len(project.Services)+len(project.Jobs))
			for i, s := range project.Services {
				assert.DeepEqual(t, again.Services[i].Digest, s.Digest)
				assert.DeepEqual(t, again.Services[i].Routes, s.Routes)
				assert.DeepEqual(t, again.Services[i].Rollout, s.Rollout)
				assert.DeepEqual(t, again.Services[i].Probe, s.Probe)
			}
			for i, j := range project.Jobs {
				assert.DeepEqual(t, again.Jobs[i].Digest, j.Digest)
				assert.DeepEqual(t, again.Jobs[i].Schedules, j.Schedules)
			}
		})
	}
}

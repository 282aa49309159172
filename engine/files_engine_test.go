//go:build engine

package engine

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func itoa(n int) string { return strconv.Itoa(n) }

func withSecret(service *compose.Service, name, content string, use types.ServiceSecretConfig) {
	if service.Secrets == nil {
		service.Secrets = map[string]types.SecretConfig{}
	}
	service.Secrets[name] = types.SecretConfig{Name: name, Content: content}
	use.Source = name
	service.Body.Secrets = append(service.Body.Secrets, use)
}

// The three ways in which a file comes into a container, each seen from inside it.
func TestWhereFilesGo(t *testing.T) {
	mode := types.FileMode(0o440)
	for _, test := range []struct {
		name   string
		change func(s scene, w *compose.Service, file string)
		show   string
		want   string
	}{
		{
			name: "inside",
			change: func(_ scene, w *compose.Service, _ string) {
				withSecret(w, "token", "t0k3n", types.ServiceSecretConfig{UID: "1000", GID: "1001", Mode: &mode})
			},
			show: "/run/secrets/token",
			want: "/run/secrets/token 1000:1001 0440 t0k3n",
		},
		{
			name: "config at its default place",
			change: func(_ scene, w *compose.Service, file string) {
				w.Configs = map[string]types.ConfigObjConfig{"app": {File: file}}
				w.Body.Configs = []types.ServiceConfigObjConfig{{Source: "app"}}
			},
			show: "/app",
			want: "/app 0:0 0444 from-file",
		},
		{
			name: "read-only, plain file",
			change: func(_ scene, w *compose.Service, file string) {
				w.Body.ReadOnly = true
				w.Configs = map[string]types.ConfigObjConfig{"app": {File: file}}
				w.Body.Configs = []types.ServiceConfigObjConfig{{Source: "app", Target: "/etc/app.conf"}}
			},
			show: "/etc/app.conf",
			want: "/etc/app.conf 0:0 0644 from-file",
		},
		{
			name: "read-only, content",
			change: func(_ scene, w *compose.Service, _ string) {
				w.Body.ReadOnly = true
				withSecret(w, "token", "t0k3n", types.ServiceSecretConfig{})
			},
			show: "/run/secrets/token",
			want: "/run/secrets/token 0:0 0444 t0k3n",
		},
		{
			name: "under a tmpfs",
			change: func(_ scene, w *compose.Service, _ string) {
				w.Body.Tmpfs = types.StringList{"/run"}
				withSecret(w, "token", "t0k3n", types.ServiceSecretConfig{})
			},
			show: "/run/secrets/token",
			want: "/run/secrets/token 0:0 0444 t0k3n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := stage(t)
			file := filepath.Join(t.TempDir(), "app.conf")
			assert.NilError(t, os.WriteFile(file, []byte("from-file"), 0o644))
			c := s.up(s.service("web", func(w *compose.Service) { test.change(s, w, file) }))
			assert.Equal(t, s.output(c, "show", test.show), test.want)
			if strings.Contains(test.want, " 0444 ") { // everybody in the container may read it
				code, output, err := s.run(t.Context(), c.Name, container.ExecOptions{User: "4711", Cmd: []string{"/program", "show", test.show}})
				assert.NilError(t, err)
				assert.Equal(t, code, 0, output)
			}
			found := s.look(c)
			assert.Check(t, !strings.Contains(strings.Join(labelValues(found.Config.Labels), " "), "t0k3n"))
			before := volumeNames(s)
			var own []string
			for _, m := range found.Mounts {
				switch m.Destination {
				case "/run/secrets":
					own = append(own, m.Name)
				case "/data": // the image's own, which stays without the step's Volumes
					t.Cleanup(func() { assert.Check(t, s.client.VolumeRemove(context.Background(), m.Name, false)) })
				}
			}
			s.do(plan.Stop{Container: c}, plan.Remove{Container: c})
			after := volumeNames(s)
			for _, name := range own {
				assert.Check(t, before[name] && !after[name], "the secret's volume goes with its container")
			}
		})
	}
}

func labelValues(labels map[string]string) []string {
	var all []string
	for _, value := range labels {
		all = append(all, value)
	}
	return all
}

func volumeNames(s scene) map[string]bool {
	list, err := s.client.VolumeList(s.Context(), volume.ListOptions{})
	assert.NilError(s, err)
	names := map[string]bool{}
	for _, v := range list.Volumes {
		names[v.Name] = true
	}
	return names
}

func TestAFileThatFitsNowhereIsRefused(t *testing.T) {
	s := stage(t)
	web := s.service("web", func(w *compose.Service) {
		w.Body.ReadOnly = true
		w.Configs = map[string]types.ConfigObjConfig{"app": {Content: "x"}}
		w.Body.Configs = []types.ServiceConfigObjConfig{{Source: "app"}}
	})
	assert.ErrorContains(t, s.Do(t.Context(), s.create(web, 1)), "config app cannot be put at /app")
	assert.Equal(t, len(s.observe().Replicas), 0)
}

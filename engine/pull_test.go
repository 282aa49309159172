package engine

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

func TestProgressIsToldAndItsErrorEndsIt(t *testing.T) {
	var heard []Progress
	e := &Engine{options: Options{Progress: func(_ plan.Step, p Progress) { heard = append(heard, p) }}}
	err := e.follow(plan.Pull{Image: "web"}, strings.NewReader(`
		{"status":"Pulling from library/web","id":"latest"}
		{"status":"Downloading","progressDetail":{"current":10,"total":40},"id":"aaaa"}
		{"stream":"Step 1/2 : FROM scratch\n"}
		{"aux":{"ID":"sha256:1111"}}
		{"errorDetail":{"code":1,"message":"no space left"},"error":"no space left"}
		{"status":"never read"}`))
	assert.Error(t, err, "no space left")
	assert.DeepEqual(t, heard, []Progress{
		{ID: "latest", Text: "Pulling from library/web"},
		{ID: "aaaa", Text: "Downloading", Current: 10, Total: 40},
		{Text: "Step 1/2 : FROM scratch"},
	})
	assert.NilError(t, e.follow(plan.Pull{}, strings.NewReader("")))
	assert.ErrorContains(t, e.follow(plan.Pull{}, strings.NewReader(`{"status":`)), "read progress")
}

func TestCredentialsOfARegistry(t *testing.T) {
	folder := clearEnvironment(t)
	write(t, filepath.Join(folder, "config.json"), `{"auths":{
		"`+defaultCredentials+`":{"auth":"aHViOnNlY3JldA=="},
		"registry.example:5000":{"auth":"bWU6b3RoZXI="}}}`)
	file, err := config.Load(config.Dir())
	assert.NilError(t, err)
	for image, user := range map[string]string{
		"web":                            "hub",
		defaultRegistry + "/team/app:v1": "hub",
		"registry.example:5000/team/app": "me",
		"nobody.example/team/app":        "",
	} {
		credentials, err := credentialsFor(file, named(t, image))
		assert.NilError(t, err)
		assert.Equal(t, credentials.Username, user, image)
	}

	file.CredentialHelpers = map[string]string{"nobody.example": "hyper-lite-nowhere"}
	_, err = credentialsFor(file, named(t, "nobody.example/team/app"))
	assert.ErrorContains(t, err, "read credentials for nobody.example: ")

	write(t, filepath.Join(folder, "config.json"), `{"auths":`)
	assert.ErrorContains(t, (&Engine{}).pull(t.Context(), plan.Pull{Image: "web"}), "read docker configuration")
	assert.ErrorContains(t, CheckConfiguration(), "read docker configuration")

	write(t, filepath.Join(folder, "file"), "")
	config.SetDir(filepath.Join(folder, "file", ".docker"))
	assert.NilError(t, CheckConfiguration(), "a home that is no folder")
}

func named(t *testing.T, image string) reference.Named {
	t.Helper()
	ref, err := reference.ParseDockerRef(image)
	assert.NilError(t, err)
	return ref
}

func TestAFailedPullSaysWhatToDo(t *testing.T) {
	err := error(&PullError{Registry: "registry.example", Services: []string{"web", "worker"}, Err: errors.New("no answer")})
	assert.Error(t, err, "needed by web, worker: no answer")
	for cause, reach := range map[error]bool{
		errors.New("no answer"): true, errdefs.ErrNotFound: false, errdefs.ErrUnauthenticated: false, errdefs.ErrPermissionDenied: false,
	} {
		failed := &PullError{Registry: "registry.example", Err: cause}
		assert.Error(t, failed, cause.Error())
		assert.Assert(t, errors.Is(failed, cause))
		assert.Assert(t, strings.Contains(failed.Hint(), "`docker login registry.example`"), failed.Hint())
		assert.Equal(t, strings.Contains(failed.Hint(), "reaches registry.example"), reach, failed.Hint())
	}
}

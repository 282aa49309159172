package engine

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/reference"
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
	for image, user := range map[string]string{
		"web":                            "hub",
		defaultRegistry + "/team/app:v1": "hub",
		"registry.example:5000/team/app": "me",
		"nobody.example/team/app":        "",
	} {
		named, err := reference.ParseDockerRef(image)
		assert.NilError(t, err)
		credentials, err := credentialsFor(named)
		assert.NilError(t, err)
		assert.Equal(t, credentials.Username, user, image)
	}
	write(t, filepath.Join(folder, "config.json"), `{"auths":`)
	named, err := reference.ParseDockerRef("web")
	assert.NilError(t, err)
	_, err = credentialsFor(named)
	assert.ErrorContains(t, err, "read docker configuration")
}

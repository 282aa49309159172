//go:build engine

package tests

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

const onePulled = `
services:
  web: {image: "${IMAGE}", stop_grace_period: 1s}
`

func TestUpPullsWhatIsOnlyInTheRegistry(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	name := r.publish("app:v1")
	p := newProject(t, onePulled)
	p.env = append(p.env, "IMAGE="+name)

	planned := p.must("plan")
	says(t, planned.out, "image "+name+" ", "pull  ", "not found")
	p.must("up", "--dry-run")
	assert.DeepEqual(t, r.asked(), []string(nil))
	assert.Equal(t, len(r.local()), 0)
	assert.Equal(t, len(p.leftovers()), 0)

	up := p.must("up", "-d")
	says(t, up.err, "image "+name+" ", "pulling\n", "pulled\n")
	assert.Equal(t, p.inspect("web-1").Config.Image, name)
	assert.Equal(t, len(p.running("web")), 1)
	assert.Assert(t, len(r.asked()) > 0)
	says(t, p.must("up", "-d").out, "nothing to change")
	assert.DeepEqual(t, r.asked(), []string(nil))
}

func TestAPrivateImageIsPulledWithTheUsersCredentials(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	r.user, r.password = "me", "open sesame"
	name := r.publish("app:v1")
	p := newProject(t, onePulled)
	p.env = append(p.env, "IMAGE="+name)

	for what, file := range map[string]string{
		"nobody":   `{}`,
		"stranger": fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, r.host(), base64.StdEncoding.EncodeToString([]byte("me:wrong"))),
		"unhelped": fmt.Sprintf(`{"credHelpers": {%q: "hyper-lite-nowhere"}}`, r.host()),
	} {
		p.write(what+"/config.json", file)
		p.at("DOCKER_CONFIG="+filepath.Join(p.dir, what), func() {
			failed := p.exits(1, "up", "-d")
			says(t, failed.err, "error: pull image "+name+": needed by web: ", "`docker login "+r.host()+"`")
			assert.Equal(t, strings.Contains(failed.err, "warning: image "+name+": read credentials for "), what == "unhelped", failed.err)
		})
		assert.Equal(t, len(p.leftovers()), 0)
	}

	p.write("known/config.json", fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, r.host(),
		base64.StdEncoding.EncodeToString([]byte(r.user+":"+r.password))))
	p.at("DOCKER_CONFIG="+filepath.Join(p.dir, "known"), func() { p.must("up", "-d") })
	assert.Equal(t, len(p.running("web")), 1)

	helper := filepath.Join(p.dir, "helper", "docker-credential-keeper")
	p.write("helper/docker-credential-keeper", fmt.Sprintf(`#!/bin/sh
test "$1 $(cat)" = "get %s" || exit 1
echo '{"ServerURL": "%[1]s", "Username": %[2]q, "Secret": %[3]q}'
`, r.host(), r.user, r.password))
	assert.NilError(t, os.Chmod(helper, 0o700))
	p.write("helper/config.json", fmt.Sprintf(`{"credHelpers": {%q: "keeper"}}`, r.host()))
	p.env = append(p.env, "PATH="+filepath.Dir(helper)+":"+os.Getenv("PATH"), "DOCKER_CONFIG="+filepath.Dir(helper))
	p.at("IMAGE="+r.publish("app:v2"), func() { p.must("up", "-d") })
	assert.Equal(t, p.inspect("web-1").Config.Image, r.image("app:v2"))
}

const movingTag = `
services:
  web:
    image: "${IMAGE}"
    pull_policy: ${POLICY:-missing}
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    stop_grace_period: 1s
    drain: 1s
    health-check: {path: /healthz, interval: 1s}
`

// done is how the engine changed the containers of a service while what ran. The balancer's are left out: the
// sidecar signals it whenever a probe says something new.
func (p *project) done(service string, what func()) []string {
	p.t.Helper()
	var actions []string
	for _, action := range p.actions(what) {
		if strings.HasPrefix(action, service+"-") {
			actions = append(actions, action)
		}
	}
	return actions
}

func TestATagThatMovedRollsTheServiceOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	p := newProject(t, movingTag)
	p.env = append(p.env, "IMAGE="+r.publish("app:latest"))
	p.must("up", "-d", "--wait")
	old := p.names("web")

	assert.DeepEqual(t, p.done("web", func() {
		unmoved := p.must("up", "-d", "--pull", "always")
		says(t, unmoved.err, "image "+r.image("app:latest")+"  pulled  (pull policy always)")
		says(t, unmoved.out, "nothing to change")
	}), []string(nil))
	assert.Assert(t, len(r.asked()) > 0)

	r.publish("app:latest")
	says(t, p.must("up", "-d").out, "nothing to change")
	p.env = append(p.env, "POLICY=always")
	says(t, p.must("plan").out, "image "+r.image("app:latest")+" ", "pull policy always")
	assert.DeepEqual(t, r.asked(), []string(nil))
	assert.DeepEqual(t, p.names("web"), old)
	lost := underLoad(t, p.url("/"), func() {
		up := p.must("up", "-d", "--wait")
		says(t, up.err, "pull policy always", "image digest changed")
		p.answerers(8)
	})
	lost.lostNothing(t)
	for _, name := range p.names("web") {
		assert.Assert(t, name != old[0] && name != old[1], "%s was not replaced", name)
	}
	assert.Equal(t, len(p.running("web")), 2)
	says(t, p.must("ps").out, r.image("app:latest"))

	p.env = append(p.env, "POLICY=every_2s")
	r.publish("app:latest")
	eventually(t, 30*time.Second, func() error { // whatever was fetched before is too old by then
		if plan := p.must("plan").out; !strings.Contains(plan, "pull policy by age") {
			return errors.New(plan)
		}
		return nil
	})
	old = p.names("web")
	says(t, p.must("up", "-d", "--wait").err, "pull policy by age", "image digest changed")
	for _, name := range p.names("web") {
		assert.Assert(t, name != old[0] && name != old[1], "%s was not replaced", name)
	}
}

func TestATagThatIsNotInTheRegistryNeverTouchesWhatServes(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	p := newProject(t, movingTag)
	p.env = append(p.env, "IMAGE="+r.publish("app:v1"))
	p.must("up", "-d", "--wait")
	old := p.names("web")
	assert.DeepEqual(t, p.done("web", func() {
		p.at("IMAGE="+r.image("app:v2"), func() {
			failed := p.exits(1, "up", "-d", "--wait")
			says(t, failed.err, "image "+r.image("app:v2"), "needed by web", "check the name and the tag")
		})
		p.at("IMAGE="+r.image("nothing:v1"), func() {
			says(t, p.exits(1, "up", "-d", "--wait").err, "image "+r.image("nothing:v1"), "needed by web", "check the name and the tag")
		})
		assert.Equal(t, len(p.answerers(6)), 2)
	}), []string(nil))
	assert.DeepEqual(t, p.names("web"), old)
	p.at("IMAGE="+r.publish("app:v2"), func() { p.must("up", "-d", "--wait") })
	assert.Equal(t, p.inspect("web-2").Config.Image, r.image("app:v2"))
}

func TestARegistryThatDiesInTheMiddleOfAPull(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	p := newProject(t, onePulled)
	p.env = append(p.env, "IMAGE="+r.publish("app:v1"))
	r.failing(true)

	// The engine tries again by itself, for longer than anybody has to wait: Ctrl-C ends it.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	up := p.command(ctx, "up", "-d")
	var said bytes.Buffer
	up.Stderr = &said
	assert.NilError(t, up.Start())
	eventually(t, 20*time.Second, func() error {
		if r.breaks() == 0 {
			return errors.New("no layer was asked for")
		}
		return nil
	})
	assert.NilError(t, up.Process.Signal(syscall.SIGINT))
	exit, exited := errors.AsType[*exec.ExitError](up.Wait())
	assert.Assert(t, exited && exit.ExitCode() == 130, "%v\n%s", up.ProcessState, said.String())
	assert.Equal(t, len(p.leftovers()), 0)

	r.close()
	failed := p.exits(1, "up", "-d")
	says(t, failed.err, "image "+r.image("app:v1"), "needed by web", "connection refused", "check that the engine's host reaches "+r.host())
	assert.Equal(t, len(p.leftovers()), 0)

	r.failing(false)
	r.open()
	p.must("up", "-d")
	assert.Equal(t, len(p.running("web")), 1)
}

func TestTheBalancersImageComesFromWhereTheFileSays(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	p := newProject(t, threeReplicas+"x-hyper-lite: {balancer: {image: \""+r.image("balancer:v3")+"\"}}\n")
	says(t, p.must("plan").out, "image "+r.image("balancer:v3")+" ", "pull  ", "not found")
	says(t, p.exits(1, "up", "-d").err, "pull image "+r.image("balancer:v3")+": needed by balancer: ")
	assert.Equal(t, len(p.leftovers()), 0)
}

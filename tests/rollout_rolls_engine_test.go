//go:build engine

package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"gotest.tools/v3/assert"
)

// rolled is three replicas behind an http and a tcp port.
const rolled = `
services:
  web:
    image: ${IMAGE}
    environment: {GREETING: "${GREETING}"}
    replicas: 3
    protocol: http
    service_port: ${PORT}
    container_port: 80
    ports: ["${LINES}:7000"]
    drain: ${DRAIN}
    deploy: {update_config: {parallelism: "${AT_ONCE}"}}
    health-check: {path: /healthz, interval: 1s}
`

// extent is how much is asked while ten rolls go by.
type extent struct {
	requests int
	longest  time.Duration // of an answer
	drain    time.Duration // longer than any answer and than the short sessions
	pace     time.Duration // between two requests of one client
	atOnce   int           // slots that are replaced at once
}

var (
	modest = extent{requests: 4000, longest: 800 * time.Millisecond, drain: time.Second, pace: 150 * time.Millisecond, atOnce: 2}
	full   = extent{requests: 100_000, longest: 2 * time.Second, drain: 3 * time.Second, pace: 4 * time.Millisecond, atOnce: 1}
)

// roll is one of the ten: what is wanted afterwards, and by which verb one gets there.
type roll struct {
	what     string
	verb     string
	image    int // the first or the second tag
	greeting string
	replicas int
}

var tenRolls = []roll{
	{"another image", "up", 2, "one", 3},
	{"another environment", "up", 2, "two", 3},
	{"scale 3 to 5", "scale", 2, "two", 5},
	{"scale 5 to 2", "scale", 2, "two", 2},
	{"scale 2 to 3", "scale", 2, "two", 3},
	{"restart", "restart", 2, "two", 3},
	{"another image past the file", "rolling-update", 1, "two", 3},
	{"the same again", "redeploy", 1, "two", 3},
	{"image and environment at once", "up", 2, "three", 3},
	{"rollback", "rollback", 1, "two", 3},
}

// twoImages gives the demo application two names that stand for two images.
func twoImages(t testing.TB) (name string) {
	t.Helper()
	ctx := t.Context()
	name = fmt.Sprintf("hyper-lite-test-rolled-%d", freePort(t))
	made, err := docker.ContainerCreate(ctx, &container.Config{Image: demo}, nil, nil, nil, "")
	assert.NilError(t, err)
	_, err = docker.ContainerCommit(ctx, made.ID, container.CommitOptions{Reference: name + ":2", Changes: []string{"LABEL hyper-lite.test=2"}})
	assert.NilError(t, err)
	assert.NilError(t, docker.ContainerRemove(ctx, made.ID, container.RemoveOptions{}))
	assert.NilError(t, docker.ImageTag(ctx, demo, name+":1"))
	t.Cleanup(func() { removeImages(t, name+":1", name+":2") })
	return name
}

func removeImages(t testing.TB, names ...string) {
	for _, name := range names {
		_, err := docker.ImageRemove(context.Background(), name, image.RemoveOptions{})
		assert.Check(t, err == nil, "%v", err)
	}
}

// roller is a tool that can do the rolls.
type roller interface {
	name() string
	do(next roll)
	serves(want roll) error // whether what runs is what is wanted
	addresses() (web, lines string)
}

// hyperLite is ours.
type hyperLite struct {
	p      *project
	images string
	lines  int
}

func newHyperLite(t testing.TB, images string, e extent) *hyperLite {
	t.Helper()
	p := newProject(t, rolled)
	h := &hyperLite{p: p, images: images, lines: p.newPort("LINES")}
	p.env = append(p.env, "DRAIN="+e.drain.String(), fmt.Sprintf("AT_ONCE=%d", e.atOnce))
	return h
}

func (h *hyperLite) name() string { return "hyper-lite" }

func (h *hyperLite) addresses() (web, lines string) {
	return fmt.Sprintf("127.0.0.1:%d", h.p.port), fmt.Sprintf("127.0.0.1:%d", h.lines)
}

func (h *hyperLite) do(next roll) {
	h.p.t.Helper()
	h.p.env = append(h.p.env, fmt.Sprintf("IMAGE=%s:%d", h.images, next.image), "GREETING="+next.greeting)
	switch next.verb {
	case "up":
		h.p.must("up", "-d", "--wait")
	case "scale":
		h.p.must("scale", fmt.Sprintf("web=%d", next.replicas))
	case "restart":
		h.p.must("restart")
	case "rolling-update":
		h.p.must("service", "rolling-update", "--image", fmt.Sprintf("%s:%d", h.images, next.image), "web")
	case "redeploy":
		h.p.must("service", "redeploy", "web")
	case "rollback":
		h.p.must("rollback")
	default:
		h.p.t.Fatalf("no verb %q", next.verb)
	}
}

func (h *hyperLite) serves(want roll) error {
	return want.servedBy(h.p.containers("web"), h.images)
}

// servedBy says whether these containers are what is wanted, and run.
func (r roll) servedBy(all []container.Summary, images string) error {
	wanted, err := docker.ImageInspect(context.Background(), fmt.Sprintf("%s:%d", images, r.image))
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.State != container.StateRunning || c.ImageID != wanted.ID {
			return fmt.Errorf("%s of %s is %s, and %s:%d is wanted", c.Names[0], c.Image, c.State, images, r.image)
		}
	}
	if len(all) != r.replicas {
		return fmt.Errorf("%d containers, and %d are wanted", len(all), r.replicas)
	}
	return nil
}

// rollTenTimes does the ten rolls under the load of the crowd. Wrong is what was not as it should be after a roll.
func rollTenTimes(t testing.TB, tool roller, e extent) (all *crowd, took time.Duration, wrong []error) {
	t.Helper()
	web, lines := tool.addresses()
	all = &crowd{t: t, clients: 16, web: web, lines: lines, longest: e.longest, pace: e.pace}
	all.gather()
	begun := time.Now()
	for n, next := range tenRolls {
		tool.do(next)
		for _, check := range []func() error{
			func() error { return all.reached(e.requests * (n + 1) / len(tenRolls)) },
			func() error { return tool.serves(next) },
			func() error { return greets(web, next.greeting, next.what) },
		} {
			if err := polled(2*time.Minute, check); err != nil {
				wrong = append(wrong, fmt.Errorf("after %s: %w", next.what, err))
			}
		}
	}
	all.disperse()
	return all, time.Since(begun), wrong
}

// greets says whether a replica answers with a greeting.
func greets(web, greeting, after string) error {
	response, err := fresh.Get("http://" + web + "/")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), greeting+" from replica ") {
		return fmt.Errorf("after %s: %d %s %v", after, response.StatusCode, body, err)
	}
	return nil
}

// losesNothing is the promise: ten rolls in a row, and no request and no session is lost by any of them.
func losesNothing(t testing.TB, e extent) tally {
	t.Helper()
	h := newHyperLite(t, twoImages(t), e)
	h.do(roll{verb: "up", image: 1, greeting: "one"})
	web, lines := h.addresses()
	witness := h.p.witness("web")
	talk := &sitters{t: t, short: e.drain - 200*time.Millisecond, open: map[string]func() (*session, error){
		"WebSocket": func() (*session, error) { return openSocket(web) },
		"TCP":       func() (*session, error) { return openLines(lines) },
	}}
	talk.gather()
	all, took, wrong := rollTenTimes(t, h, e)
	talk.disperse()
	talk.judge(witness, e.drain/2)
	sum := all.count()
	t.Logf("ten rolls in %s: %s", took.Round(time.Second), sum)
	assert.NilError(t, errors.Join(wrong...))
	if sum.failed > 0 {
		t.Errorf("%d of %d requests failed", sum.failed, sum.requests)
	}
	assert.Assert(t, sum.requests >= e.requests, "only %d requests were made", sum.requests)
	return sum
}

func TestTenRollsInARowLoseNoRequestAndNoSession(t *testing.T) {
	t.Parallel()
	losesNothing(t, modest)
}

package command

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"gotest.tools/v3/assert"
)

func TestWarningsOfManyGoroutinesAreShownOnceEach(t *testing.T) {
	var bad lockedBuffer
	i := &invocation{program: &program{IO: IO{Err: &bad}, env: map[string]string{}}}
	var warning sync.WaitGroup
	for n := range 64 {
		warning.Go(func() { i.warn(fmt.Sprintf("the log of web-%d cannot be followed", n%8)) })
	}
	warning.Wait()
	assert.Equal(t, strings.Count(bad.String(), "warning:"), 8, bad.String())
}

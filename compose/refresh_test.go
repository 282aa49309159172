package compose_test

import (
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

func TestRefreshAfter(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		policy, after string
		want          time.Duration
		byAge         bool
	}{
		{"", "", 0, false},
		{"always", "", 0, false},
		{"missing", "1d", 0, false},
		{"daily", "", day, true},
		{"weekly", "", 7 * day, true},
		{"every_1d12h", "", 36 * time.Hour, true},
		{"refresh", "", 0, true},
		{"refresh", "90m", 90 * time.Minute, true},
	} {
		s := compose.Service{}
		s.Body = types.ServiceConfig{}
		s.Body.PullPolicy, s.Body.PullRefreshAfter = c.policy, c.after
		after, byAge := s.RefreshAfter()
		assert.Equal(t, after, c.want, "%s %s", c.policy, c.after)
		assert.Equal(t, byAge, c.byAge, "%s %s", c.policy, c.after)
	}
}

package compose

import (
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// RefreshAfter is how long after it was fetched the image of a service is fetched again, where its pull_policy says so: daily,
// weekly, every_<span>, or refresh with pull_refresh_after, without which that is at once (Compose spec, "pull_policy"). ok is
// false for every other policy.
func (s Service) RefreshAfter() (after time.Duration, ok bool) {
	policy, after, err := s.Body.GetPullPolicy()
	if err != nil || policy != types.PullPolicyRefresh {
		return 0, false // the schema let no other word through
	}
	if s.Body.PullPolicy == types.PullPolicyRefresh && s.Body.PullRefreshAfter != "" {
		after, err = spanOf(s.Body.PullRefreshAfter)
	}
	return after, err == nil
}

// spanOf reads a span as pull_policy has it after every_: "1d12h".
func spanOf(text string) (time.Duration, error) {
	var s types.ServiceConfig
	s.PullPolicy = "every_" + text
	_, span, err := s.GetPullPolicy()
	return span, err
}

// refresh checks what the schema leaves open.
func (r *reading) refresh() {
	if after := r.body.PullRefreshAfter; after != "" {
		if _, err := spanOf(after); err != nil {
			r.reportAt([]string{"pull_refresh_after"}, "is no span of time: "+after, "1d12h is one; w, d, h, m and s are units")
		}
	}
}

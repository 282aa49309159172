package lb

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

// The end of a publication removes the certificates that nobody names any more: not those of one that just begins.
func TestCertificatesOutliveTheEndOfAnotherPublication(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-done:
				ended <- nil
				return
			default:
			}
			if err := h.sidecar.proven(publication{Service: "web"}); err != nil {
				ended <- err
				return
			}
		}
	}()
	for i := range 16 {
		route := httpRoute()
		route.Cert = makeCertificate(t, fmt.Sprintf("%012x", i), "shop.example.com")
		p := publication{Service: fmt.Sprintf("web%d", i), Routes: withoutCertificates([]compose.Route{route})}
		assert.NilError(t, h.sidecar.accept(p, []compose.Route{route}))
	}
	close(done)
	assert.NilError(t, <-ended)
	for i := range 16 {
		for _, ending := range []string{".key", ".crt"} {
			_, err := os.Stat(filepath.Join(h.folder, certs, fmt.Sprintf("%012x", i)+ending))
			assert.Check(t, err == nil, "%v", err)
		}
	}
}

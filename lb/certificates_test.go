package lb

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

func TestCertificatesOfServicesThatArePublishedAtOnce(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	var publishing sync.WaitGroup
	for i := range 16 {
		step := h.route(refs("web", 1)...)
		step.Service = fmt.Sprintf("web%d", i)
		cert := makeCertificate(t, fmt.Sprintf("%012x", i), "shop.example.com")
		step.Routes[0].Protocol, step.Routes[0].Cert, step.Routes[0].ServicePort = compose.HTTPSTerm, cert, tlsListener(t, cert)
		publishing.Go(func() { assert.Check(t, b.Do(t.Context(), step) == nil) })
	}
	publishing.Wait()
	for i := range 16 {
		for _, ending := range []string{".key", ".crt"} {
			_, err := os.Stat(filepath.Join(h.folder, certs, fmt.Sprintf("%012x", i)+ending))
			assert.Check(t, err == nil, "%v", err)
		}
	}
}

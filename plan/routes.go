package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"hyper-lite/compose"
)

// RoutesDigest identifies what the balancer must be told of a service, its replicas left out: 12 hex
// digits over the routes and the probe. A certificate counts by its digest.
func RoutesDigest(routes []compose.Route, probe *compose.Probe) string {
	plain := make([]compose.Route, len(routes))
	for i, r := range routes {
		if r.Cert != nil {
			r.Cert = &compose.Certificate{Digest: r.Cert.Digest}
		}
		plain[i] = r
	}
	text, err := json.Marshal(struct {
		Routes []compose.Route
		Probe  *compose.Probe
	}{plain, probe})
	if err != nil {
		panic(err) // plain data only: cannot fail
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

package lb

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
)

const controlUser = "sidecar"

// newPassword is a password for Traefik's API: 256 random bits.
func newPassword() string { return rand.Text() + rand.Text() }

// Credential is the basic-auth line of a password for Traefik's API. A plain SHA-1 is enough, and cheap at
// every look: the password is random, and whoever reads the file can already read all it would open.
func Credential(password string) string {
	sum := sha1.Sum([]byte(password))
	return controlUser + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:])
}

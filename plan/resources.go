package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// ResourceDiffers says whether a network or volume that carries one digest was made from something else than another digest is
// of. Digests of different versions of the contract tell nothing of each other: an upgrade makes nothing anew.
func ResourceDiffers(is, wanted string) bool {
	version := func(digest string) string { v, _, _ := strings.Cut(digest, ":"); return v }
	return is != wanted && version(is) == version(wanted)
}

// NetworkDigest identifies what a network is created with: a version, and 12 hex digits over its configuration without
// its name. A network of ours carries it as a label; one that differs means that it must be made anew.
func NetworkDigest(network types.NetworkConfig) string {
	type pool struct {
		Subnet, Gateway, Range string
		Aux                    map[string]string
	}
	var pools []pool
	for _, p := range network.Ipam.Config {
		pools = append(pools, pool{p.Subnet, p.Gateway, p.IPRange, filled(p.AuxiliaryAddresses)})
	}
	return digest(struct {
		Driver     string
		Options    map[string]string
		IPAM       string
		IPAMOpts   map[string]string
		Pools      []pool
		Internal   bool
		Attachable bool
		Labels     map[string]string
		IPv4, IPv6 *bool
	}{
		Driver:     network.Driver,
		Options:    filled(network.DriverOpts),
		IPAM:       network.Ipam.Driver,
		IPAMOpts:   filled(network.Ipam.Options),
		Pools:      pools,
		Internal:   network.Internal,
		Attachable: network.Attachable,
		Labels:     filled(network.Labels),
		IPv4:       network.EnableIPv4,
		IPv6:       network.EnableIPv6,
	})
}

// VolumeDigest identifies what a volume is created with, in the same way.
func VolumeDigest(volume types.VolumeConfig) string {
	return digest(struct {
		Driver  string
		Options map[string]string
		Labels  map[string]string
	}{volume.Driver, filled(volume.DriverOpts), filled(volume.Labels)})
}

// filled makes an empty map and no map the same.
func filled[M ~map[string]string](m M) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}

func digest(plain any) string {
	text, err := json.Marshal(plain)
	if err != nil {
		panic(err) // plain data only: cannot fail
	}
	sum := sha256.Sum256(text)
	return "v1:" + hex.EncodeToString(sum[:6])
}

package engine

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/network"
	"gotest.tools/v3/assert"
)

func TestAFixedAddressStaysWhereThePoolsHaveIt(t *testing.T) {
	pools := []*types.IPAMPool{{Subnet: "10.1.0.0/24"}, {Subnet: "fd00:1::/64"}}
	for _, c := range []struct{ is, want *network.EndpointIPAMConfig }{
		{nil, nil},
		{&network.EndpointIPAMConfig{IPv4Address: "10.1.0.7"}, &network.EndpointIPAMConfig{IPv4Address: "10.1.0.7"}},
		{&network.EndpointIPAMConfig{IPv4Address: "10.2.0.7"}, nil},
		{
			&network.EndpointIPAMConfig{IPv4Address: "10.2.0.7", IPv6Address: "fd00:1::7"},
			&network.EndpointIPAMConfig{IPv6Address: "fd00:1::7"},
		},
		{
			&network.EndpointIPAMConfig{LinkLocalIPs: []string{"169.254.8.8"}},
			&network.EndpointIPAMConfig{LinkLocalIPs: []string{"169.254.8.8"}},
		},
	} {
		assert.DeepEqual(t, addressesIn(pools, c.is), c.want)
	}
	assert.Assert(t, addressesIn(nil, &network.EndpointIPAMConfig{IPv4Address: "10.1.0.7"}) == nil)
}

package plan

import "time"

// Options is what the user asked of one run, beyond the files.
type Options struct {
	Services         []string // only these, and what they depend on; empty: all
	NoDeps           bool     // not what they depend on
	ForceRecreate    bool     // replace replicas that are as wanted, too
	NoRecreate       bool     // leave replicas that differ from the file
	MovePorts        bool     // with NoRecreate: but not those whose host ports move to the balancer or back
	RemoveOrphans    bool     // remove containers of services that are no longer in the file
	RenewAnonVolumes bool     // a replacement gets new anonymous volumes
	NoStart          bool     // create only
	Wait             bool     // await every replica, not only those somebody depends on

	Pull        string // always, missing, never, policy or "": "" and policy follow pull_policy
	Build       bool   // build every image that can be built
	NoBuild     bool   // build nothing, even where an image is missing
	ImagesReady bool   // images were fetched and built by an earlier plan of this run

	Timeout *time.Duration // grace period of stops, instead of the containers' own
	Within  time.Duration  // the longest await, instead of the services' own; 0: theirs
	System  System
}

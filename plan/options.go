package plan

import "time"

// Options is what the user asked of one run, beyond the files.
type Options struct {
	Services         []string // only these, and what they depend on; empty: all
	NoDeps           bool     // not what they depend on
	ForceRecreate    bool     // replace replicas that are as wanted, too
	Cause            string   // why, with ForceRecreate; "" is --force-recreate
	RecreateDeps     bool     // replace what Services depend on, too, as it is
	NoRecreate       bool     // leave replicas that differ from the file
	MovePorts        bool     // with NoRecreate: but not those whose host ports move to the balancer or back
	AllResources     bool     // make the networks and volumes that no service uses, too
	IgnoreOrphans    bool     // say nothing of containers of services that are no longer in the file
	RemoveOrphans    bool     // remove containers of services that are no longer in the file
	RenewAnonVolumes bool     // a replacement gets new anonymous volumes
	NoStart          bool     // create only
	Wait             bool     // await every replica, not only those somebody depends on

	Pull        string            // always, missing, never, policy or "": "" and policy follow pull_policy
	Build       bool              // build every image that can be built
	NoBuild     bool              // build nothing, even where an image is missing
	Aged        map[string]string // by image: why it is fetched again, where its pull_policy goes by age
	ImagesReady bool              // images were fetched and built by an earlier plan of this run

	// What an earlier plan of the same run came to; see Setback.
	Failed []Ref    // replicas that failed: they are set aside, and their slots keep what else they have
	Held   []string // services whose other replicas stay as they are, too; what never ran of them is not begun
	Back   []string // services that go back to what they were: the slots of their failed replicas as well
	Stuck  []Ref    // those of Failed that did so on the way back: their slots keep what else they have after all
	Left   []string // services of which nothing is touched
	Fresh  []Ref    // replicas made in this run: ForceRecreate does not mean them, and a one-shot among them is not started again

	Timeout *time.Duration // grace period of stops, instead of the containers' own
	Within  time.Duration  // the longest await, instead of the services' own; 0: theirs
	System  System
	Applied *Applied // what a plan shows the drift from; nil: it shows none
}

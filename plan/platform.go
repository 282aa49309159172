package plan

import (
	"cmp"
	"strconv"
	"strings"
)

// platform is what an image is for, or is to be for, in the engine's words. Empty is what is not said.
type platform struct{ system, architecture, variant string }

// parsePlatform reads OS/ARCHITECTURE[/VARIANT], or a lone OS or architecture.
func parsePlatform(text string) platform {
	words := strings.Split(strings.ToLower(text), "/")
	if len(words) == 1 && words[0] != "linux" && words[0] != "windows" {
		words = []string{"", words[0]}
	}
	var parts [3]string
	copy(parts[:], words)
	p := platform{parts[0], parts[1], strings.TrimPrefix(parts[2], "v")}
	switch p.architecture {
	case "x86_64", "x86-64":
		p.architecture = "amd64"
	case "i386":
		p.architecture, p.variant = "386", ""
	case "aarch64":
		p.architecture = "arm64"
	case "armhf":
		p.architecture, p.variant = "arm", "7"
	case "armel":
		p.architecture, p.variant = "arm", "6"
	}
	return p
}

// Fits says that an image is for a platform, as far as both say: one for an earlier variant of the architecture is, too, as
// for the engine.
func (i Image) Fits(wanted string) bool {
	has, wants := parsePlatform(i.Platform), parsePlatform(wanted)
	same := func(a, b string) bool { return a == "" || b == "" || a == b }
	return same(has.system, wants.system) && same(has.architecture, wants.architecture) && runsOn(has, wants)
}

// plainVariants are those of the architectures that are named without one.
var plainVariants = map[string]string{"amd64": "1", "arm": "7", "arm64": "8"}

// runsOn compares the variants of one architecture.
func runsOn(has, wants platform) bool {
	variant := cmp.Or(wants.variant, plainVariants[wants.architecture])
	if has.variant == "" || variant == "" || has.variant == variant {
		return true
	}
	old, oldErr := strconv.ParseFloat(has.variant, 64)
	now, nowErr := strconv.ParseFloat(variant, 64)
	return oldErr == nil && nowErr == nil && old < now
}

# shellcheck shell=bash
# What the recipes share. Sourced by images/*/build.sh, which ensure.sh calls with IMAGE, the name to
# give, and RECIPE, the digest to label it with.
set -euo pipefail
: "${IMAGE:?is set by images/ensure.sh}" "${RECIPE:?is set by images/ensure.sh}"

say() { printf 'images: %s\n' "$*"; }
die() { printf 'images: %s\n' "$*" >&2; exit 1; }

# work is a folder of this run alone.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# go_static OUTPUT PACKAGE [LINK-FLAGS] builds a static program for the engine's platform, in the current module.
go_static() {
	command -v go >/dev/null || die "the go command is not on the PATH; it is needed to build $IMAGE"
	local arch
	arch=$(docker version --format '{{.Server.Arch}}')
	CGO_ENABLED=0 GOOS=linux GOARCH=$arch \
		go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w ${3-}" -o "$1" "$2"
}

# import CHANGE... makes the image from a tar of its file system on standard input. No builder is needed.
import() {
	local changes=() change
	for change in "LABEL hyper-lite.recipe=$RECIPE" "$@"; do
		changes+=(--change "$change")
	done
	docker import "${changes[@]}" - "$IMAGE" >/dev/null
}

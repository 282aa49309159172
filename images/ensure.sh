#!/usr/bin/env bash
# Makes sure that images are on the engine: what is there stays, what can be pulled is pulled, the rest
# is built on this host. Says what it does while it does it.
#
#   images/ensure.sh IMAGE...
#
# A built image carries the digest of its recipe as a label; when the recipe changes, it is built anew.
# Two runs at once are safe: the second waits for the first where flock is there, else both build.
set -euo pipefail
cd "$(dirname "$0")"

readonly pull_patience=20 # seconds until the registry must have answered
readonly pull_limit=900   # seconds for a whole pull

say() { printf 'images: %s\n' "$*"; }
die() { printf 'images: %s\n' "$*" >&2; exit 1; }

# recipe IMAGE prints the folder that the image can be built from.
recipe() {
	case $1 in
	hyper-lite-demo:latest) echo demo ;;
	traefik:v3.6.12) echo traefik ;;
	redis:7) echo redis ;;
	postgres:15) echo postgres ;;
	*) return 1 ;;
	esac
}

# ours IMAGE succeeds for an image that no registry has.
ours() { [[ $1 == hyper-lite-* ]]; }

# digest FOLDER prints a digest over everything that the recipe is made of.
digest() {
	local files=("$1"/* build.sh)
	case $1 in redis | postgres) files+=(debian.sh) ;; esac
	cksum "${files[@]}" | cksum | tr ' ' -
}

# current IMAGE FOLDER succeeds when the image is there and, if it was built here, by today's recipe.
current() {
	local built
	built=$(docker image inspect --format '{{index .Config.Labels "hyper-lite.recipe"}}' "$1" 2>/dev/null) || return 1
	[[ -z $built || -z $2 || $built == "$(digest "$2")" ]]
}

# pull IMAGE gives the registry little time to answer, and a pull that has begun enough to end.
pull() {
	local log pid waited=0
	log=$(mktemp)
	docker pull "$1" >"$log" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if ((waited >= pull_limit * 5)) || { ((waited >= pull_patience * 5)) && ! grep -q 'Pulling from' "$log"; }; then
			kill "$pid" 2>/dev/null || true
			echo "no answer in time" >>"$log"
		fi
		sleep 0.2
		waited=$((waited + 1))
	done
	if wait "$pid"; then
		rm -f "$log"
		return 0
	fi
	say "cannot pull $1: $(tail -n 1 "$log")"
	rm -f "$log"
	return 1
}

ensure() {
	local image=$1 folder old
	folder=$(recipe "$image") || folder=
	if current "$image" "$folder"; then
		say "$image is there"
		return
	fi
	if ! ours "$image"; then
		say "pulling $image"
		if pull "$image"; then
			say "$image is pulled"
			return
		fi
	fi
	[[ -n $folder ]] || die "there is no recipe for $image; see images/README.md"
	say "building $image"
	old=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null) || old=
	IMAGE=$image RECIPE=$(digest "$folder") "./$folder/build.sh"
	say "$image is built"
	if [[ -n $old ]] && ! docker image rm "$old" >/dev/null 2>&1; then
		say "the image that $image named before is still in use; docker image prune removes it later"
	fi
}

(($# > 0)) || die "usage: images/ensure.sh IMAGE..."
command -v docker >/dev/null || die "the docker command is not on the PATH; install Docker's client"
docker version --format '{{.Server.Version}}' >/dev/null 2>&1 ||
	die "no Docker engine answers; start it, or point DOCKER_HOST at one (docker version tells more)"

if command -v flock >/dev/null; then
	exec 9>"${TMPDIR:-/tmp}/hyper-lite-images.$(id -u).lock"
	if ! flock --nonblock 9; then
		say "waiting for another run that makes images"
		flock 9
	fi
fi
for image; do
	ensure "$image"
done

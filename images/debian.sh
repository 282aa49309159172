# shellcheck shell=bash
# Images from Debian's packages. Sourced by the recipes that need them.
# shellcheck source-path=SCRIPTDIR source=build.sh
. "$(dirname "${BASH_SOURCE[0]}")/build.sh"

suite=bookworm # has Redis 7 and PostgreSQL 15, which the tags promise
cache=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.build
root=$work/root

# as_root runs a command as root, with the proxy settings that downloads may need.
as_root() {
	if [[ $(id -u) == 0 ]]; then
		"$@"
	else
		sudo --non-interactive --preserve-env=http_proxy,https_proxy "$@"
	fi
}

# The file system below $work belongs to root, once it is there.
clean() {
	if [[ -d $root ]]; then
		as_root rm -rf "$root"
	fi
	rm -rf "$work"
}
trap clean EXIT

need_debootstrap() {
	[[ $(uname -s) == Linux ]] || die "$IMAGE can only be built on Linux; pull it, or build it on a Linux host"
	as_root true 2>/dev/null || die "building $IMAGE needs root: run as root, or allow sudo without a password"
	as_root sh -c 'command -v debootstrap' >/dev/null && return
	command -v apt-get >/dev/null || die "debootstrap is not installed, and there is no apt-get to install it with"
	say "installing debootstrap"
	{
		as_root apt-get update -qq &&
			as_root apt-get install -qq --yes --no-install-recommends debootstrap
	} >"$work/log" 2>&1 || die "install debootstrap: $(tail -n 3 "$work/log")"
}

# sources prints this host's own package sources of the suite, or nothing on other systems.
sources() {
	command -v apt-get >/dev/null || return 0
	# shellcheck disable=SC2016 # the names are apt's
	apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v suite="$suite" '$2 == "main" && ($1 == suite || $1 == suite "-updates" || $1 == suite "-security") {
			print "deb", $3, $1, $2 }' | sort -u
}

# base fills $root with the smallest Debian; it is kept for the next image in .build/.
base() {
	local kept=$cache/debian-$suite.tar mirror
	need_debootstrap
	mkdir -p "$root"
	if [[ ! -s $kept ]]; then
		say "installing a minimal Debian $suite (about half a minute)"
		mirror=$(sources | awk -v suite="$suite" '$3 == suite { print $2; exit }')
		as_root debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >"$work/log" 2>&1 ||
			die "debootstrap: $(tail -n 3 "$work/log")"
		if [[ -n $mirror ]]; then
			sources | as_root tee "$root/etc/apt/sources.list" >/dev/null
		fi
		mkdir -p "$cache"
		as_root tar -C "$root" --numeric-owner -c . >"$kept.$$"
		mv "$kept.$$" "$kept"
		return
	fi
	as_root tar -C "$root" --numeric-owner -xp <"$kept"
}

# packages NAME... installs packages into $root; none of their services starts, and configuration files
# that are there stay.
packages() {
	say "installing $*"
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$root/usr/sbin/policy-rc.d" >/dev/null
	as_root chmod 755 "$root/usr/sbin/policy-rc.d"
	as_root cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	# A mount name space of its own: /proc is gone with the command, however it ends.
	# shellcheck disable=SC2016 # expanded by the inner shell
	as_root unshare --mount --fork sh -ec '
		mount -t proc proc "$1/proc"
		root=$1
		shift
		export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
		chroot "$root" apt-get update -qq
		chroot "$root" apt-get install -qq --yes --no-install-recommends \
			-o Dpkg::Options::=--force-confold "$@"
	' sh "$root" "$@" >"$work/log" 2>&1 || die "install $*: $(tail -n 5 "$work/log")"
	as_root rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* \
		"$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/var/log/* "$root/etc/resolv.conf"
}

# pack CHANGE... makes the image from $root, with the entry script of the recipe's folder.
pack() {
	as_root install -m 755 entry.sh "$root/usr/local/bin/docker-entrypoint.sh"
	as_root tar -C "$root" --numeric-owner -c . |
		import 'ENTRYPOINT ["docker-entrypoint.sh"]' "$@"
}

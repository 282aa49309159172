#!/usr/bin/env bash
# Makes sure that a Docker engine answers before the scenarios ask it anything. In CI (CI=true, as root), where
# an engine is installed and none runs, it is started; anywhere else that is the user's to decide.
set -euo pipefail

patience=30 # seconds for an answer, or for a start

answers() { # an engine that is stuck answers `docker version` and not this
	docker info >/dev/null 2>&1 &
	local ask=$! i
	for ((i = 0; i < patience * 10; i++)); do
		if ! kill -0 "$ask" 2>/dev/null; then
			wait "$ask"
			return
		fi
		sleep 0.1
	done
	kill "$ask" 2>/dev/null || true
	echo "the Docker engine does not answer within $patience seconds: it may be stuck, restart it" >&2
	exit 1
}

if answers; then
	exit 0
fi
if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && [ -z "${DOCKER_HOST:-}" ] && command -v dockerd >/dev/null; then
	log=$(mktemp -t dockerd-XXXXXX.log)
	echo "no Docker engine answers: starting the installed one, its log is $log"
	setsid dockerd >"$log" 2>&1 </dev/null &
	for ((i = 0; i < patience; i++)); do
		sleep 1
		if docker info >/dev/null 2>&1; then
			exit 0
		fi
	done
	tail -n 20 "$log" >&2
fi
echo "no Docker engine answers, and this needs one: start it, or point DOCKER_HOST at one" >&2
echo "(docker version tells more; make unit runs what needs no engine)" >&2
exit 1

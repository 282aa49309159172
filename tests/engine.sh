#!/usr/bin/env bash
# Makes sure that a Docker engine answers before the scenarios ask it anything. In CI (CI=true, as root), where the
# machine's engine serves nothing but this run, one that does not run is started, and one that is stuck is started
# again, by the id in its pid file; anywhere else both are the user's to decide.
set -euo pipefail

patience=30 # seconds for an answer, for a start, and for an end
pidfile=/var/run/docker.pid

ask() { # 0: it answers; 1: there is none; 2: it is stuck, which still answers `docker version`, and not this
	docker info >/dev/null 2>&1 &
	local asking=$! i
	for ((i = 0; i < patience * 10; i++)); do
		if ! kill -0 "$asking" 2>/dev/null; then
			wait "$asking" && return 0 || return 1
		fi
		sleep 0.1
	done
	kill "$asking" 2>/dev/null || true
	return 2
}

ours() { # whether the engine is this machine's, and this run may start it
	[ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && [ -z "${DOCKER_HOST:-}" ] && command -v dockerd >/dev/null
}

end() { # ends the stuck engine; its containers and images stay
	local pid i
	pid=$(cat "$pidfile" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || return 1
	kill "$pid"
	for ((i = 0; i < patience; i++)); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 1
	done
	kill -KILL "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

start() {
	local log i
	log=$(mktemp -t dockerd-XXXXXX.log)
	echo "starting the Docker engine, its log is $log"
	setsid dockerd >"$log" 2>&1 </dev/null &
	for ((i = 0; i < patience; i++)); do
		sleep 1
		if docker info >/dev/null 2>&1; then
			return 0
		fi
	done
	tail -n 20 "$log" >&2
	return 1
}

answer=0
ask || answer=$?
case $answer in
0) exit 0 ;;
1)
	if ours && start; then exit 0; fi
	echo "no Docker engine answers, and this needs one: start it, or point DOCKER_HOST at one" >&2
	echo "(docker version tells more; make unit runs what needs no engine)" >&2
	;;
2)
	echo "the Docker engine has not answered within $patience seconds: it is stuck" >&2
	if ours && end && start; then exit 0; fi
	echo "restart it: its containers and images stay" >&2
	;;
esac
exit 1

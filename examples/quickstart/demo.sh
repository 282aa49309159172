#!/usr/bin/env bash
# Runs this example, shows that three replicas answer, and says how to take it down. Called by `make demo`
# once ./hyper-lite and the images are there.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly file=examples/quickstart/compose.yaml

say() { printf 'demo: %s\n' "$*"; }

# taken PORT succeeds when something listens there.
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# running prints the port of a demo that is up already.
running() {
	docker ps --filter label=hyper-lite.project=quickstart --filter label=hyper-lite.role=balancer --format '{{.Ports}}' |
		sed -n 's/^[^>]*:\([0-9][0-9]*\)->.*/\1/p' | head -n 1
}

choose_port() {
	if [[ -n ${PORT-} ]]; then
		return
	fi
	PORT=$(running)
	if [[ -n $PORT ]]; then
		say "it is up already, on port $PORT"
		return
	fi
	for PORT in {8080..8099}; do
		taken "$PORT" || return 0
		say "port $PORT is taken"
	done
	echo "demo: ports 8080 to 8099 are all taken; choose one: PORT=9090 make demo" >&2
	return 1
}

ask() {
	if command -v curl >/dev/null; then
		curl --silent --show-error --fail --max-time 10 "$1"
	else
		.build/demo request "$1"
	fi
}

choose_port
export PORT
say "hyper-lite -f $file up -d --wait     (port $PORT)"
./hyper-lite -f "$file" up -d --wait

if ! command -v curl >/dev/null; then
	say "there is no curl: asking with a small Go program"
	(cd images/demo && go build -o ../../.build/demo .)
fi
say "asking http://127.0.0.1:$PORT nine times"
answers=
for _ in {1..9}; do
	answer=$(ask "http://127.0.0.1:$PORT/" | head -n 1)
	printf '  %s\n' "$answer"
	answers+=$answer$'\n'
done
replicas=$(printf '%s' "$answers" | sort -u | wc -l | tr -d ' ')
say "$replicas replicas answered"
if ((replicas != 3)); then
	echo "demo: three were expected; look: ./hyper-lite -f $file ps" >&2
	exit 1
fi
say "it goes on running; take it down with: ./hyper-lite -f $file down"

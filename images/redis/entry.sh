#!/bin/sh
# Starts Redis as its own user, reachable from other containers. Options or a configuration file may
# stand in place of the command.
set -eu

case ${1-} in
-* | *.conf) set -- redis-server "$@" ;;
esac
if [ "${1-}" = redis-server ] && [ "$(id -u)" = 0 ]; then
	find . \! -user redis -exec chown redis:redis {} +
	case " $* " in
	*" --protected-mode "*) ;;
	*) set -- "$@" --protected-mode no ;;
	esac
	exec setpriv --reuid=redis --regid=redis --clear-groups "$@"
fi
exec "$@"

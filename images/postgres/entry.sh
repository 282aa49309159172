#!/bin/bash
# Makes the database in PGDATA on the first start, then runs PostgreSQL as its own user.
#   POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE  the superuser's password; required
#   POSTGRES_USER, POSTGRES_DB (and _FILE)       the superuser (postgres) and the database (the user's name)
#   POSTGRES_INITDB_ARGS                         more arguments of initdb
#   POSTGRES_HOST_AUTH_METHOD                    how clients prove who they are (scram-sha-256)
#   /docker-entrypoint-initdb.d/*.sh, *.sql      run once, in the order of their names
set -euo pipefail

# setting NAME FALLBACK prints the variable NAME, or the contents of the file that NAME_FILE names.
setting() {
	local file=${1}_FILE
	if [[ -n ${!1-} && -n ${!file-} ]]; then
		echo "postgres: set $1 or $file, not both" >&2
		return 1
	elif [[ -n ${!file-} ]]; then
		cat "${!file}"
	else
		printf '%s' "${!1:-$2}"
	fi
}

initialize() {
	local user password database method
	user=$(setting POSTGRES_USER postgres)
	password=$(setting POSTGRES_PASSWORD '')
	database=$(setting POSTGRES_DB "$user")
	method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
	if [[ -z $password && $method != trust ]]; then
		echo 'postgres: the superuser needs a password: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE' >&2
		return 1
	fi
	# shellcheck disable=SC2086 # arguments, in the plural
	initdb --username="$user" --auth-local=trust ${password:+--pwfile=<(printf '%s\n' "$password")} ${POSTGRES_INITDB_ARGS-}
	echo "host all all all $method" >>"$PGDATA/pg_hba.conf"

	# Only the local socket listens until everything is set up, so that nobody finds half a database.
	pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait --silent start
	local sql=(psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$user" --dbname)
	if [[ $database != postgres ]]; then
		"${sql[@]}" postgres --set name="$database" <<<'create database :"name";'
	fi
	local file
	for file in /docker-entrypoint-initdb.d/*; do
		case $file in
		*.sh) POSTGRES_USER=$user POSTGRES_DB=$database bash "$file" ;;
		*.sql) "${sql[@]}" "$database" --file "$file" ;;
		esac
	done
	pg_ctl --pgdata="$PGDATA" --mode=fast --wait --silent stop
}

if [[ ${1-} == -* ]]; then
	set -- postgres "$@"
fi
if [[ ${1-} != postgres ]]; then
	exec "$@"
fi
if [[ $(id -u) == 0 ]]; then
	mkdir -p "$PGDATA" /var/run/postgresql
	chown -R postgres:postgres "$PGDATA" /var/run/postgresql
	chmod 700 "$PGDATA"
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [[ ! -s $PGDATA/PG_VERSION ]]; then
	initialize
fi
exec "$@"

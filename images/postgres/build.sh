#!/usr/bin/env bash
# PostgreSQL from Debian's packages.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source-path=SCRIPTDIR source=../debian.sh
. ../debian.sh

base
# The package must not make a database of its own: the entry script does, in the volume.
as_root install -d "$root/etc/postgresql-common"
echo 'create_main_cluster = false' | as_root tee "$root/etc/postgresql-common/createcluster.conf" >/dev/null
packages postgresql-15
as_root sed -i "s/^#listen_addresses = .*/listen_addresses = '*'/" "$root/usr/share/postgresql/15/postgresql.conf.sample"
as_root chroot "$root" install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
as_root install -d "$root/docker-entrypoint-initdb.d"

# An import cannot set the stop signal (fast shutdown, not one that waits for the clients): a build can.
finished=$IMAGE IMAGE=$IMAGE-unfinished
pack 'CMD ["postgres"]' 'VOLUME /var/lib/postgresql/data' 'EXPOSE 5432' \
	'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin' \
	'ENV PGDATA=/var/lib/postgresql/data' 'ENV LANG=C.UTF-8'
printf 'FROM %s\nSTOPSIGNAL SIGINT\n' "$IMAGE" |
	docker build --quiet --tag "$finished" - >"$work/log" 2>&1 || die "build $finished: $(tail -n 3 "$work/log")"
docker image rm "$IMAGE" >/dev/null

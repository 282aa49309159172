#!/usr/bin/env bash
# Redis from Debian's packages.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source-path=SCRIPTDIR source=../debian.sh
. ../debian.sh

base
packages redis-server
as_root install -d -o "$(stat -c %u "$root/var/lib/redis")" -g "$(stat -c %g "$root/var/lib/redis")" "$root/data"
pack 'CMD ["redis-server"]' 'WORKDIR /data' 'VOLUME /data' 'EXPOSE 6379' \
	'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

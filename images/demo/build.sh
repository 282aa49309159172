#!/usr/bin/env bash
# The demo application alone in an image.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source-path=SCRIPTDIR source=../build.sh
. ../build.sh

go_static "$work/root/demo" .
tar -C "$work/root" --owner=0 --group=0 --numeric-owner -c . |
	import 'ENTRYPOINT ["/demo"]' 'EXPOSE 80 443 7000'

#!/usr/bin/env bash
# Traefik from its Go module, in a module of its own so that the product's stays small.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source-path=SCRIPTDIR source=../build.sh
. ../build.sh

say "compiling Traefik: about 6 minutes on two cores the first time, seconds from Go's cache"
module=github.com/traefik/traefik/v3
version=$(go list -mod=readonly -m -f '{{.Version}}' "$module")
go_static "$work/root/traefik" "$module/cmd/traefik" "-X $module/pkg/version.Version=${version#v}"
for certificates in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
	if [[ -r $certificates ]]; then
		mkdir -p "$work/root/etc/ssl/certs"
		cp -L "$certificates" "$work/root/etc/ssl/certs/ca-certificates.crt"
		break
	fi
done
mkdir -m 1777 "$work/root/tmp"
tar -C "$work/root" --owner=0 --group=0 --numeric-owner -c . |
	import 'ENTRYPOINT ["/traefik"]' 'EXPOSE 80'

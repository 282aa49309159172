#!/usr/bin/env bash
# Makes a self-signed certificate for a day of trying things out: chain and key in one PEM file.
#
#   make-certificate.sh [FILE [NAME]]     certificate.pem beside this script, for localhost
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
file=${1:-$here/certificate.pem}
name=${2:-localhost}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
if command -v openssl >/dev/null; then
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout "$work/key.pem" -out "$work/cert.pem" \
		-subj "/CN=$name" -addext "subjectAltName=DNS:$name,IP:127.0.0.1" 2>"$work/log" ||
		{ cat "$work/log" >&2; exit 1; }
elif command -v go >/dev/null; then
	(cd "$work" && go run "$(go env GOROOT)/src/crypto/tls/generate_cert.go" --host "$name,127.0.0.1" --duration 720h 2>log) ||
		{ cat "$work/log" >&2; exit 1; }
else
	echo "make-certificate.sh needs openssl or go" >&2
	exit 1
fi
cat "$work/cert.pem" "$work/key.pem" >"$work/both.pem"
mv "$work/both.pem" "$file"
echo "$file: a certificate for $name and 127.0.0.1, good for 30 days"

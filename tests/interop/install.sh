#!/bin/bash
# Installs the programs from outside the project that the tests talk to, as far as they are missing (Debian, Ubuntu).
set -euo pipefail
export PATH="$PATH:/usr/sbin"

# program:package
needed=(
    python3:python3
    curl:curl
    openssl:openssl
    strace:strace
    haproxy:haproxy
    danted:dante-server
    tinyproxy:tinyproxy-bin
    gnutls-cli:gnutls-bin
    lftp:lftp
    swaks:swaks
    chromium:chromium
)

missing=()
for entry in "${needed[@]}"; do
    command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
done
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
perl -e 'use Net::SSLeay; use IO::Socket::SSL' 2>/dev/null || missing+=(libnet-ssleay-perl libio-socket-ssl-perl)
if [ ${#missing[@]} -gt 0 ]; then
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo=sudo
    fi
    echo "installing ${missing[*]}"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
fi

# Twisted, in an environment of its own.
twisted="$(dirname "$0")/../../target/twisted"
if ! "$twisted/bin/python" -c 'import twisted, OpenSSL' 2>/dev/null; then
    echo "installing Twisted"
    python3 -m venv --clear "$twisted"
    "$twisted/bin/pip" install -q 'twisted[tls]'
fi

#!/bin/bash
# Installs what the counts are made with, as far as it is missing (Debian, Ubuntu); with --peers also what the peers need that
# cargo does not bring.
set -euo pipefail

missing=()
command -v valgrind >/dev/null || missing+=(valgrind)
command -v strace >/dev/null || missing+=(strace)
if [ "${1:-}" = --peers ]; then
    command -v nginx >/dev/null || missing+=(nginx libnginx-mod-stream)
    pkg-config --exists libuv 2>/dev/null || missing+=(gcc libc6-dev libuv1-dev pkg-config)
    "$(dirname "$0")/../tests/interop/install.sh"
fi
if [ ${#missing[@]} -gt 0 ]; then
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo=sudo
    fi
    echo "installing ${missing[*]}"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
fi

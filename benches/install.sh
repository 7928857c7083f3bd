#!/bin/bash
# Installs what the counts are made with, as far as it is missing (Debian, Ubuntu). With --peers also what `benches/run` compares with
# and cargo does not bring: libuv, Go, Netty, Twisted, HAProxy, nginx and stunnel, some 500 MB. The run leaves out what is missing.
set -euo pipefail
export PATH="$PATH:/usr/sbin"

missing=()
need() {
    command -v "$1" >/dev/null || missing+=("${@:2}")
}

need valgrind valgrind
need strace strace
if [ "${1:-}" = --peers ]; then
    need haproxy haproxy
    need nginx nginx
    need stunnel stunnel4
    need go golang-go
    need javac default-jdk-headless
    need python3 python3
    [ -e /usr/share/java/netty-transport.jar ] || missing+=(libnetty-java)
    [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
    pkg-config --exists libuv 2>/dev/null || missing+=(gcc libc6-dev libuv1-dev pkg-config)
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
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
if [ "${1:-}" = --peers ]; then
    # Where `tests/interop/install.sh` has it too.
    environment="$(dirname "$0")/../target/twisted"
    if ! "$environment/bin/python" -c 'import twisted, OpenSSL' 2>/dev/null; then
        python3 -m venv --clear "$environment"
        "$environment/bin/pip" install -q 'twisted[tls]'
    fi
fi

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
    nginx:nginx-light
    danted:dante-server
    tinyproxy:tinyproxy-bin
    gnutls-cli:gnutls-bin
    lftp:lftp
    swaks:swaks
    msmtp:msmtp
    mpop:mpop
    stunnel:stunnel4
    chromium:chromium
    systemd-socket-activate:systemd
    dig:bind9-dnsutils
    nsd:nsd
    unbound:unbound
    socat:socat
    promtool:prometheus
    postfix:postfix
    mariadbd:mariadb-server
    mariadb:mariadb-client
    psql:postgresql-client
    slapd:slapd
    ldapsearch:ldap-utils
    prosody:prosody
    neomutt:neomutt
    tmux:tmux
)

missing=()
for entry in "${needed[@]}"; do
    command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
done
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
[ -x /usr/lib/dovecot/imap ] || missing+=(dovecot-imapd)
[ -x /usr/lib/dovecot/pop3 ] || missing+=(dovecot-pop3d)
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

# Programs in Python, each in an environment of its own: its name, what shows that it is there, its packages.
python() {
    local environment
    environment="$(dirname "$0")/../../target/$1"
    if ! "$environment/bin/python" -c "import $2" 2>/dev/null; then
        echo "installing ${*:3}"
        python3 -m venv --clear "$environment"
        "$environment/bin/pip" install -q "${@:3}"
    fi
}
python twisted 'twisted, OpenSSL' 'twisted[tls]'
python sslyze sslyze sslyze
python pymysql pymysql pymysql
python slixmpp slixmpp slixmpp
python mkdocs 'mkdocs, pygments' 'mkdocs==1.6.1' pygments

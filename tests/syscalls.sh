#!/bin/bash
# Watches the system calls of the echo example, and fails if
# - a message that comes in one piece costs more than one recvfrom and one sendto, with 1 and with 50 connections;
# - 50 silent connections cost a call, or a wake-up.
# Needs strace and Python.
set -euo pipefail
cd "$(dirname "$0")/.."

messages=2000
cargo build --release --example echo
echo="${CARGO_TARGET_DIR:-target}/release/examples/echo"
work=$(mktemp -d)
tracer=
trap '[ -z "$tracer" ] || kill "$tracer" 2>/dev/null || true; rm -rf "$work"' EXIT

# Starts the echo under strace with these options; sets `address`.
start() {
    : >"$work/output"
    strace -f "$@" "$echo" tcp:0:interface=127.0.0.1 >"$work/output" 2>"$work/errors" &
    tracer=$!
    until address=$(sed -n 's/^listening on //p' "$work/output") && [ -n "$address" ]; do
        kill -0 "$tracer"
        sleep 0.05
    done
}

# The echo, not strace, which ends with it and then writes what it has seen.
stop() {
    pkill -TERM -P "$tracer"
    wait "$tracer" || true
    tracer=
}

for connections in 1 50; do
    start -c -o "$work/counts"
    python3 tests/messages.py "$address" "$connections" "$messages"
    stop

    total=$((connections * messages))
    echo "$connections connections, $messages messages each: system calls for a message"
    # The end of each connection costs a recvfrom, too, and one more call may have found nothing.
    awk -v total="$total" -v connections="$connections" '
        $1 ~ /^[0-9.]+$/ && $NF != "total" {
            calls = $4
            if (calls / total >= 0.005) printf "    %-12s %6.3f\n", $NF, calls / total
            count[$NF] = calls
        }
        END {
            allowed = total + 4 * connections
            if (count["recvfrom"] > allowed || count["sendto"] > allowed) {
                print "more than one recvfrom or sendto for a message"
                exit 1
            }
        }
    ' "$work/counts"
done

start -ttt -o "$work/trace"
silence=$(python3 tests/messages.py "$address" 50 10 3)
stop
# The call in which it sleeps may begin when the last answer has been seen.
awk -v silence="$silence" '
    BEGIN { split(silence, at, " ") }
    $2 > at[1] && $2 < at[2] { calls++; last = $0 }
    END {
        printf "50 silent connections, %.1f s: system calls begun: %d\n", at[2] - at[1], calls
        if (calls > 1 || calls == 1 && last !~ /epoll_wait/) {
            print "an idle reactor calls the system: " last
            exit 1
        }
    }
' "$work/trace"

#!/bin/bash
# Counts the system calls that the echo example makes for a message, with 1 and with 50 connections, and fails if a message that comes in one piece
# costs more than one recvfrom and one sendto. Needs strace and Python.
set -euo pipefail
cd "$(dirname "$0")/.."

messages=2000
cargo build --release --example echo
echo="${CARGO_TARGET_DIR:-target}/release/examples/echo"
work=$(mktemp -d)
tracer=
trap '[ -z "$tracer" ] || kill "$tracer" 2>/dev/null || true; rm -rf "$work"' EXIT

for connections in 1 50; do
    : >"$work/output"
    strace -f -c -o "$work/counts" "$echo" tcp:0:interface=127.0.0.1 >"$work/output" &
    tracer=$!
    until address=$(sed -n 's/^listening on //p' "$work/output") && [ -n "$address" ]; do
        kill -0 "$tracer"
        sleep 0.05
    done
    python3 tests/messages.py "$address" "$connections" "$messages"
    # The echo, not strace, which ends with it and then writes its counts.
    pkill -TERM -P "$tracer"
    wait "$tracer" || true
    tracer=

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

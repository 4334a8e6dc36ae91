#!/bin/sh
# What zkt is for, shown on a server of its own that lives only as long as this script.
# `make demo` builds zkt and runs it; ZKT names the binary.
set -eu
cd "$(dirname "$0")/.."

zkt_binary=$(realpath "${ZKT:-target/debug/zkt}")
scratch=$(mktemp -d)
server=
finish() {
    code=$?
    trap - EXIT INT TERM
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$scratch"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The demo must not reach the server that the user works with.
unset ZKT_CONNECT ZKT_AUTH ZC_ZK_CONNECTION_STRING

# The first line that it prints is its address.
mkfifo "$scratch/address"
"$zkt_binary" serve --listen :0 >"$scratch/address" 2>"$scratch/server.log" </dev/null &
server=$!
read -r ZKT_CONNECT <"$scratch/address" || {
    cat "$scratch/server.log" >&2
    exit 1
}
export ZKT_CONNECT

say() {
    printf '\n# %s\n' "$@"
}

# expect CODE COMMAND…: shows the command, runs it, and fails where it exits otherwise.
expect() {
    expected=$1
    shift
    printf '\n$ %s\n' "$*"
    code=0
    "$@" || code=$?
    if [ "$code" != "$expected" ]; then
        printf 'exit code %s, expected %s: %s\n' "$code" "$expected" "$*" >&2
        exit 1
    fi
}

zkt() {
    "$zkt_binary" --no-progress "$@"
}

cp examples/services.zkt "$scratch"
cd "$scratch"

say "A tree of services, and an empty server at $ZKT_CONNECT: zkt serve, which needs no ZooKeeper."
expect 0 cat services.zkt
expect 0 zkt check services.zkt

say "What would have to be done? Exit code 2 says: something."
expect 2 zkt plan --detailed-exitcode services.zkt

say "Do it. The actions fit into one batch: they happen all or not at all."
expect 0 zkt apply --yes services.zkt

say "Now there is nothing left to do, and nothing is written."
expect 0 zkt plan --detailed-exitcode services.zkt

say "An edit: cms gets a thread more, retail leaves the load balancer."
sed -e 's/threads = 3/threads = 4/' -e '/^    \/retail$/,/providers/d' services.zkt >edited.zkt
expect 1 diff services.zkt edited.zkt

say "Without --trim, what is not declared is only listed."
expect 2 zkt plan --detailed-exitcode edited.zkt

say "With it, it goes."
expect 0 zkt apply --yes --trim edited.zkt

say "The live tree, as tree text. It is in step with the file it came from."
expect 0 zkt export /lb
expect 0 zkt plan --detailed-exitcode --trim edited.zkt

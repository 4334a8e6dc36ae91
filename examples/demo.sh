#!/bin/sh
# What zkt is for, shown on a real ZooKeeper that lives only as long as this script.
# `make demo` builds zkt, finds ZooKeeper, and runs it; ZKT names the binary.
set -eu
cd "$(dirname "$0")/.."

zkt_binary=$(realpath "${ZKT:-target/debug/zkt}")
classpath=$(tests/zookeeper.sh classpath)
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

answers() {
    "$zkt_binary" ls -c "127.0.0.1:$1" --session-timeout 2s --depth 0 >/dev/null 2>&1
}

alive() {
    kill -0 "$server" 2>/dev/null
}

# ZooKeeper cannot pick a free port itself: it is given a random one, and another where somebody
# else answers there, or where it exits.
start() {
    port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
    ! answers "$port" || return 1
    mkdir -p "$scratch/data"
    cat >"$scratch/zoo.cfg" <<CONFIG
dataDir=$scratch/data
clientPort=$port
clientPortAddress=127.0.0.1
tickTime=500
admin.enableServer=false
CONFIG
    java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$classpath" \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$scratch/zoo.cfg" \
        >"$scratch/server.log" 2>&1 </dev/null &
    server=$!
    tries=0
    while alive && [ "$tries" -lt 120 ]; do
        if answers "$port" && alive; then
            return 0
        fi
        tries=$((tries + 1))
        sleep 0.5
    done
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
    return 1
}

start || start || start || {
    echo "ZooKeeper did not start; the last lines of its log:" >&2
    tail -n 20 "$scratch/server.log" >&2 || true
    exit 1
}
export ZKT_CONNECT="127.0.0.1:$port"

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

say "A tree of services, and an empty ZooKeeper at $ZKT_CONNECT."
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

#!/bin/sh
# What works on which server, for the table in src/guide/reference.md.
#
#   tests/matrix.sh rows         print the kinds of servers
#   tests/matrix.sh run KIND     run the tests that show it on one, and compare with tests/matrix/KIND
#
# With RECORD=1 what passed is written to tests/matrix/KIND. Otherwise a difference is an error.
set -eu

. "$(dirname "$0")/packages.sh"
home=$(cd "$(dirname "$0")/.." && pwd)
servers=$home/tests/servers.sh

rows() {
    echo "$("$servers" versions) 3.8 tls sasl sasl-required ensemble keeper keeper-24"
}

# What the server is called in the table.
name() {
    case "$1" in
    tls) echo "TLS" ;;
    sasl) echo "SASL" ;;
    sasl-required) echo "SASL demanded" ;;
    ensemble) echo "three" ;;
    keeper) echo "Keeper 26" ;;
    keeper-24) echo "Keeper 24" ;;
    *) echo "$1" ;;
    esac
}

tests() {
    case "$1" in
    # The tests of TLS and of ensembles create nodes, which clients do not in the way of 3.4.
    3.4.* | tls | sasl | sasl-required | ensemble | keeper | keeper-24) echo matrix:: ;;
    *) echo matrix:: real::tls real::fire real::minority ;;
    esac
}

run() {
    version=$1
    case "$1" in
    tls | sasl | sasl-required | ensemble) version=3.9.3; export ZKT_TEST_GROUND="$1" ;;
    keeper | keeper-24) version=; export ZKT_TEST_GROUND="$1" ;;
    3.8) version= ;;
    esac
    ZKT_TEST_SERVER=real
    ZKT_TEST_ZOOKEEPER_CLASSPATH=$("$home/tests/zookeeper.sh" classpath)
    if [ -n "$version" ]; then
        "$servers" setup "$version"
        ZKT_TEST_ZOOKEEPER_CLASSPATH=$("$servers" classpath "$version")
        ZKT_TEST_ZOOKEEPER_MAIN=$("$servers" main "$version")
        export ZKT_TEST_ZOOKEEPER_MAIN
    fi
    export ZKT_TEST_SERVER ZKT_TEST_ZOOKEEPER_CLASSPATH
    mkdir -p "$target"
    # shellcheck disable=SC2046
    cargo test --features otel --test it -- $(tests "$1") --skip matrix::page >"$target/$1.log" 2>&1 || true
    grep -q '^test result: ' "$target/$1.log" || { cat "$target/$1.log" >&2; return 1; }
    {
        echo "# $(name "$1")"
        sed -n -e 's/^test \([^ ]*\) \.\.\. ok$/passes \1/p' \
            -e 's/^test \([^ ]*\) \.\.\. FAILED$/fails \1/p' "$target/$1.log" | sort -k 2
    } >"$target/$1"
    if [ -n "${RECORD:-}" ]; then
        cp "$target/$1" "$home/tests/matrix/$1"
    elif ! diff -u "$home/tests/matrix/$1" "$target/$1"; then
        say "on $1 other tests pass than before: see $target/$1.log; RECORD=1 takes that for right"
        return 1
    fi
}

target=${CARGO_TARGET_DIR:-$home/target}/matrix

case "${1:-}" in
rows)
    rows
    ;;
run)
    run "$2"
    ;;
*)
    say "usage: tests/matrix.sh rows | run KIND"
    exit 2
    ;;
esac

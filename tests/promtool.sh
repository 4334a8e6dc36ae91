#!/bin/sh
# Where the checker for alert rules comes from.
#
#   tests/promtool.sh path      print the path or name of promtool
#   tests/promtool.sh setup     the same, and install the distribution's where there is none
#
# $ZKT_TEST_PROMTOOL names one that is installed elsewhere.
set -eu

. "$(dirname "$0")/packages.sh"

find_it() {
    for promtool in "${ZKT_TEST_PROMTOOL:-}" promtool; do
        if [ -n "$promtool" ] && command -v "$promtool" >/dev/null; then
            printf '%s\n' "$promtool"
            return 0
        fi
    done
    return 1
}

case "${1:-}" in
path)
    find_it
    ;;
setup)
    if ! find_it >/dev/null && may_install; then
        install prometheus || say "the package could not be installed"
    fi
    find_it || {
        say "promtool is needed: install the package prometheus, or set ZKT_TEST_PROMTOOL"
        exit 1
    }
    ;;
*)
    say "usage: tests/promtool.sh path|setup"
    exit 2
    ;;
esac

#!/bin/sh
# Where the browser for the tests of the status page comes from.
#
#   tests/chromium.sh path      print the browser's path or name
#   tests/chromium.sh setup     the same, and install the distribution's Chromium where there is none
#
# $ZKT_TEST_CHROMIUM names one that is installed elsewhere.
set -eu

. "$(dirname "$0")/packages.sh"

find_it() {
    for browser in "${ZKT_TEST_CHROMIUM:-}" chromium chromium-browser google-chrome; do
        if [ -n "$browser" ] && command -v "$browser" >/dev/null; then
            printf '%s\n' "$browser"
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
        install chromium || say "the package could not be installed"
    fi
    find_it || {
        say "a browser is needed: install the package chromium, or set ZKT_TEST_CHROMIUM"
        exit 1
    }
    ;;
*)
    say "usage: tests/chromium.sh path|setup"
    exit 2
    ;;
esac

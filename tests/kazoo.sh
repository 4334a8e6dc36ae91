#!/bin/sh
# Where kazoo comes from, a client library for Python whose recipes are run in the tests.
#
#   tests/kazoo.sh setup    make a virtual environment with it, unless there is one
#
# It is made in target/kazoo, where the tests look for it; ZKT_TEST_KAZOO_PYTHON names a python
# that has kazoo already.
set -eu

. "$(dirname "$0")/packages.sh"
wanted=$(dirname "$0")/kazoo/requirements.txt
folder=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/kazoo

# The list is copied last: an environment without it was not finished.
ready() {
    if [ -n "${ZKT_TEST_KAZOO_PYTHON:-}" ]; then
        "$ZKT_TEST_KAZOO_PYTHON" -c 'import kazoo'
    else
        cmp -s "$wanted" "$folder/requirements.txt" && "$folder/bin/python" -c 'import kazoo'
    fi
}

environment() {
    rm -rf "$folder" && mkdir -p "$(dirname "$folder")" && python3 -m venv "$folder" >&2
}

make_environment() {
    if ! environment; then
        may_install || return 1
        install python3-venv && environment || return 1
    fi
    for _ in 1 2 3; do
        if "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
            -r "$wanted" >&2; then
            cp "$wanted" "$folder/requirements.txt"
            return 0
        fi
        sleep 3
    done
    return 1
}

case "${1:-}" in
setup)
    if ! ready && { [ -n "${ZKT_TEST_KAZOO_PYTHON:-}" ] || ! make_environment || ! ready; }; then
        say "kazoo is needed: install python3 with its module venv (Debian, Ubuntu: the package"
        say "python3-venv), or set ZKT_TEST_KAZOO_PYTHON to a python that has kazoo"
        exit 1
    fi
    ;;
*)
    say "usage: tests/kazoo.sh setup"
    exit 2
    ;;
esac

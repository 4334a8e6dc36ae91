#!/bin/sh
# What the tests with Kerberos take: a KDC, `kinit`, and what the library libgssapi is built with.
#
#   tests/kerberos.sh setup    find it, or install the distribution's packages
set -eu

. "$(dirname "$0")/packages.sh"

# The programs of a KDC are for administrators.
PATH=$PATH:/usr/sbin:/sbin

missing() {
    for program in krb5kdc kdb5_util kadmin.local kinit krb5-config; do
        command -v "$program" >/dev/null || return 0
    done
    # bindgen looks for it so, among other ways.
    [ -z "${LIBCLANG_PATH:-}" ] || return 1
    ! ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1
}

[ "${1:-}" = setup ] || { say "usage: tests/kerberos.sh setup"; exit 2; }
if missing && may_install; then
    for package in krb5-kdc krb5-admin-server krb5-user libkrb5-dev libclang-dev; do
        install "$package" || say "the package $package could not be installed"
    done
fi
if missing; then
    say "Kerberos is needed: install krb5-kdc, krb5-admin-server, krb5-user, libkrb5-dev and libclang-dev"
    exit 1
fi

# What the set-up scripts share: packages of the distribution, where they may be installed.

say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

may_install() {
    command -v apt-get >/dev/null && as_root true 2>/dev/null
}

# install PACKAGE
install() {
    say "installing the package $1"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    for _ in 1 2 3; do
        if as_root apt-get -o DPkg::Lock::Timeout=120 update >"$log" 2>&1 </dev/null &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
                install -y --no-install-recommends "$1" >>"$log" 2>&1 </dev/null; then
            return 0
        fi
        sleep 3
    done
    tail -n 20 "$log" >&2
    return 1
}

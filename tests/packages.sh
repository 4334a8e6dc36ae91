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

# program COMMAND WHAT PACKAGE VARIABLE NAME…
#
# Prints the program that the variable names, or else the first of these names that is there. Where there
# is none, the command `setup` installs the package first; the other command is `path`.
program() {
    command=$1 what=$2 package=$3 variable=$4
    shift 4
    eval "named=\${$variable:-}"
    case $command in
    path)
        first_of "$named" "$@"
        ;;
    setup)
        if ! first_of "$named" "$@" >/dev/null && may_install; then
            install "$package" || say "the package could not be installed"
        fi
        first_of "$named" "$@" || {
            say "$what is needed: install the package $package, or set $variable"
            exit 1
        }
        ;;
    *)
        say "usage: tests/${0##*/} path|setup"
        exit 2
        ;;
    esac
}

first_of() {
    for program; do
        if [ -n "$program" ] && command -v "$program" >/dev/null; then
            printf '%s\n' "$program"
            return 0
        fi
    done
    return 1
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

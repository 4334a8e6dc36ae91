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

# python_environment COMMAND NAME MODULE VARIABLE
#
# The command `setup` makes a virtual environment in target/NAME with what tests/NAME/requirements.txt lists,
# unless there is one, or the variable names a python that has the module.
python_environment() {
    command=$1 name=$2 module=$3 variable=$4
    [ "$command" = setup ] || {
        say "usage: tests/${0##*/} setup"
        exit 2
    }
    wanted=$(dirname "$0")/$name/requirements.txt
    folder=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/$name
    eval "python=\${$variable:-}"
    environment_is_ready && return 0
    if [ -n "$python" ] || ! make_environment || ! environment_is_ready; then
        say "$module is needed: install python3 with its module venv (Debian, Ubuntu: the package"
        say "python3-venv), or set $variable to a python that has $module"
        exit 1
    fi
}

# The list is copied last: an environment without it was not finished.
environment_is_ready() {
    if [ -n "$python" ]; then
        "$python" -c "import $module"
    else
        cmp -s "$wanted" "$folder/requirements.txt" && "$folder/bin/python" -c "import $module"
    fi
}

empty_environment() {
    rm -rf "$folder" && mkdir -p "$(dirname "$folder")" && python3 -m venv "$folder" >&2
}

make_environment() {
    if ! empty_environment; then
        may_install || return 1
        install python3-venv && empty_environment || return 1
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

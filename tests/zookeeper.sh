#!/bin/sh
# Where a real ZooKeeper comes from, for the tests.
#
#   tests/zookeeper.sh classpath    print the Java class path of an installed ZooKeeper
#   tests/zookeeper.sh setup        the same, and install ZooKeeper first where there is none
#
# An installed one is, in this order: $ZKT_TEST_ZOOKEEPER_CLASSPATH, the jars under
# $ZOOKEEPER_HOME, those of the distribution's package.
set -eu

. "$(dirname "$0")/packages.sh"

# A folder as ZooKeeper's own archive lays it out, or as some distributions do.
folder() {
    set -- "$1"/lib/zookeeper-[0-9]*.jar "$1"/zookeeper-[0-9]*.jar "$1"/zookeeper.jar
    for jar; do
        if [ -f "$jar" ]; then
            printf '%s/*\n' "${jar%/*}"
            return 0
        fi
    done
    return 1
}

classpath() {
    if [ -n "${ZKT_TEST_ZOOKEEPER_CLASSPATH:-}" ]; then
        printf '%s\n' "$ZKT_TEST_ZOOKEEPER_CLASSPATH"
    elif [ -n "${ZOOKEEPER_HOME:-}" ]; then
        folder "$ZOOKEEPER_HOME" || { say "there are no jars of ZooKeeper in $ZOOKEEPER_HOME"; return 1; }
    elif [ -f /usr/share/java/zookeeper.jar ]; then
        # The jar's manifest names the jars that it needs, but for some of Netty's.
        jars=/usr/share/java
        printf '%s:%s:%s:%s\n' "$jars/zookeeper.jar" "$jars/netty-codec.jar" \
            "$jars/netty-resolver.jar" "$jars/netty-transport-native-unix-common.jar"
    else
        folder /usr/share/zookeeper
    fi
}

ready() {
    path=$(classpath 2>/dev/null) && command -v java >/dev/null
}

case "${1:-}" in
classpath)
    classpath
    ;;
setup)
    if ! ready && [ -z "${ZKT_TEST_ZOOKEEPER_CLASSPATH:-}${ZOOKEEPER_HOME:-}" ] && may_install; then
        say "no ZooKeeper here"
        # Debian's package needs a Java, and picks one itself.
        install zookeeper || say "the package could not be installed"
    fi
    # Keys of the kinds that others make.
    if ! command -v openssl >/dev/null && may_install; then
        install openssl || say "the package openssl could not be installed"
    fi
    if ! ready; then
        classpath >/dev/null || true
        command -v java >/dev/null || say "there is no java on the PATH"
        say "a real ZooKeeper is needed: install the package zookeeper (Debian, Ubuntu), or unpack"
        say "ZooKeeper anywhere and set ZOOKEEPER_HOME to that folder; it needs Java 8 or later"
        exit 1
    fi
    printf '%s\n' "$path"
    ;;
*)
    say "usage: tests/zookeeper.sh classpath|setup"
    exit 2
    ;;
esac

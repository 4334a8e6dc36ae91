#!/bin/sh
# Where JUnit comes from, for the example of tests in Java.
#
#   tests/junit.sh setup        find it and a compiler, or install the distribution's
#   tests/junit.sh classpath    print its class path
#
# ZKT_TEST_JUNIT_CLASSPATH names that of another one; it needs JUnit's console.
set -eu

. "$(dirname "$0")/packages.sh"

jars=/usr/share/java
names='junit-jupiter-api junit-jupiter-engine junit-platform-commons junit-platform-console
    junit-platform-engine junit-platform-launcher junit-platform-reporting apiguardian-api opentest4j
    opentest4j-reporting-schema opentest4j-reporting-events picocli'

classpath() {
    if [ -n "${ZKT_TEST_JUNIT_CLASSPATH:-}" ]; then
        printf '%s\n' "$ZKT_TEST_JUNIT_CLASSPATH"
        return 0
    fi
    [ -f "$jars/junit-platform-console.jar" ] || return 1
    path=
    for name in $names; do
        [ ! -f "$jars/$name.jar" ] || path=$path:$jars/$name.jar
    done
    printf '%s\n' "${path#:}"
}

case "${1:-}" in
classpath)
    classpath || { say "JUnit 5 is needed: \`make setup-junit\` installs the package junit5"; exit 1; }
    ;;
setup)
    if ! classpath >/dev/null && may_install; then
        install junit5 || say "the package junit5 could not be installed"
    fi
    if ! command -v javac >/dev/null && may_install; then
        install default-jdk-headless || say "the package default-jdk-headless could not be installed"
    fi
    if ! classpath >/dev/null || ! command -v javac >/dev/null; then
        say "JUnit 5 and javac are needed: install the packages junit5 and default-jdk-headless, or set"
        say "ZKT_TEST_JUNIT_CLASSPATH"
        exit 1
    fi
    ;;
*)
    say "usage: tests/junit.sh setup|classpath"
    exit 2
    ;;
esac

#!/bin/sh
# Installs the programs that the tests start but pip can't bring, where it may: on Debian as root.
# SETUP=no forbids. The packages are such as start no service of their own.
set -eu

# Each line: a program, the Debian package that has it, what the tests do with it.
NEEDS='mariadbd mariadb-server-core to hold the tables in a MariaDB of their own
mariadb-install-db mariadb-server-core to hold the tables in a MariaDB of their own
my_print_defaults mariadb-client-core which mariadb-install-db calls
kcat kcat to read and write the log with a Kafka client that is not ours
java openjdk-17-jre-headless to run Apache Kafka, which the embedded log is held to
mvn maven to bring Apache Kafka and Apicurio'

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

missing=$(printf '%s\n' "$NEEDS" | while read -r program package why; do
    command -v "$program" >/dev/null || printf '%s %s\n' "$package" "$why"
done | sort -u)
[ -n "$missing" ] || exit 0

echo 'The tests use what is not on this machine:'
printf '%s\n' "$missing" | sed 's/\([^ ]*\) /  \1, /'
packages=$(printf '%s\n' "$missing" | cut -d ' ' -f 1 | xargs)

can_install() { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }

if [ "${SETUP:-yes}" = no ] || ! can_install; then
    if command -v apt-get >/dev/null; then
        echo "To install it: sudo apt-get install --no-install-recommends $packages"
    elif command -v brew >/dev/null; then
        echo 'To install it: brew install mariadb kcat openjdk maven'
    else
        echo 'To install it: a MariaDB server (10.11 or newer), kcat, Java (17 or newer) and Maven,
            on the PATH.'
    fi
    echo 'Until then the tests that use it are skipped.'
    exit 0
fi

install() {
    # shellcheck disable=SC2086  # the list is meant to be split
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends \
        -o Dpkg::Use-Pty=0 $packages </dev/null
}

echo "Installing with apt-get: $packages"
# The lists of a fresh machine are empty, and those of an old one name files that are gone.
install >/dev/null 2>&1 || { apt-get update --quiet --quiet && install; } || {
    echo "apt-get could not install $packages; to test without: make test SETUP=no" >&2
    exit 1
}

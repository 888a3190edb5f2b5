#!/bin/sh
# Makes sure of the outside programs that a command of the Makefile needs.
#
#   tests/need.sh check|app|test|bench
#
# Missing Debian packages are installed when this runs as root; otherwise it fails and names the
# command to run. Nothing is skipped because a program is missing.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "tests/need.sh: $*" >&2
    exit 1
}

command -v cargo >/dev/null || fail "cargo is missing. Install Rust as README.md says, then try again: https://rustup.rs"

[ -e /usr/bin/cc ] || missing="gcc libc6-dev"
want() { # want PROGRAM PACKAGE
    [ -e "$1" ] || missing="${missing:-} $2"
}

# The oldest Node that Vite runs on.
node_is_new_enough() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

case "${1:-}" in
app)
    node_is_new_enough || fail "the app is built with Node.js 20.19 or newer and npm; install them: https://nodejs.org"
    exit 0
    ;;
check)
    command -v python3 >/dev/null || want /usr/bin/python3 python3
    ;;
test | bench)
    node_is_new_enough || fail "the app is built with Node.js 20.19 or newer and npm; install them: https://nodejs.org"
    [ "$1" = bench ] || want /usr/bin/chromium chromium
    # /usr/bin/python3 on purpose: Debian's python3-aiosmtpd belongs to it, another python3 on the PATH has none.
    want /usr/bin/python3 python3
    [ -e /usr/bin/python3 ] && /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || missing="${missing:-} python3-venv"
    want /usr/lib/python3/dist-packages/aiosmtpd/__init__.py python3-aiosmtpd
    want /usr/bin/prometheus prometheus
    want /usr/bin/prometheus-alertmanager prometheus-alertmanager
    [ "$1" = bench ] || want /usr/bin/prometheus-blackbox-exporter prometheus-blackbox-exporter
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="${missing:-} postgresql"
    want /usr/bin/openssl openssl
    want /sbin/runuser util-linux
    [ "$1" = test ] || want /usr/bin/wrk wrk
    ;;
*)
    fail "say which command it is for: check, app, test or bench"
    ;;
esac

if [ -n "${missing:-}" ]; then
    install="apt-get install --yes --no-install-recommends $missing"
    command -v apt-get >/dev/null || fail "these Debian packages are missing, and this is no Debian:$missing"
    if [ "$(id -u)" != 0 ]; then
        fail "these Debian packages are missing; run:  sudo sh -c 'apt-get update && $install'"
    fi
    echo "Installing Debian packages:$missing"
    apt-get update --quiet
    # The tests start their own processes; RUNLEVEL=1 keeps the packages from starting theirs.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 $install
fi

# PagerDuty's own client, pinned with its hashes, in a venv that also sees Debian's aiosmtpd.
if [ "$1" != check ]; then
    venv=target/tests/venv
    if ! cmp -s tests/requirements.txt "$venv/installed.txt"; then
        rm -rf "$venv"
        /usr/bin/python3 -m venv --system-site-packages "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/requirements.txt
        cp tests/requirements.txt "$venv/installed.txt"
    fi
fi

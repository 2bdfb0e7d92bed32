#!/usr/bin/env bash
# Installs what `make test` needs beyond Go, git and make, on Debian 12 or later.
# Does nothing (and needs no root) where everything is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "install-test-deps: $*"; }
die() { say "$*" >&2; exit 1; }

missing=()
# want COMMAND PACKAGE...: the packages are missing when the command is.
want() {
  local command=$1
  shift
  command -v "$command" >/dev/null 2>&1 || missing+=("$@")
}
# want_package PACKAGE...: for what has no command of its own.
want_package() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
}

command -v dpkg-query >/dev/null || die "this is not Debian: install by hand what docs/testing.md lists"

want gcc gcc libc6-dev # the race detector is linked with cgo
want chromium chromium
want firefox-esr firefox-esr
want node nodejs
want npm npm
want ip iproute2
want iptables iptables
# The foreign clients run under Debian's own Python, whatever else is in PATH.
[ -x /usr/bin/python3 ] || missing+=(python3)
want_package python3-aiortc python3-websockets python3-gst-1.0 \
  gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice \
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad

if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "run as root, or install sudo: apt-get install ${missing[*]}"
    sudo=(sudo)
  fi
  "${sudo[@]}" apt-get update -q
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
fi

# Debian 12 has Node 18: the tests then use a newer one, fetched beside them.
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ] && ! test/node/path >/dev/null; then
  say "Node $(node --version) is older than 20: fetching a newer one for the tests"
  npm ci --prefix test/node
fi
PATH=$(test/node/path):$PATH

# npm ci removes and installs everything again: only when the lock file has changed.
stamp=node_modules/.installed-from
if ! cmp -s package-lock.json "$stamp"; then
  say "npm ci"
  npm ci
  cp package-lock.json "$stamp"
fi

#!/usr/bin/env bash
# audit.sh: what is known to be wrong with what we use, and what looks wrong in what we wrote.
# A database that cannot be reached is said and skipped; everything that is found fails.
set -uo pipefail
cd "$(dirname "$0")/.."
GOVULNCHECK=golang.org/x/vuln/cmd/govulncheck@v1.6.0
STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
failed=0

say() { printf '\n== %s\n' "$*"; }
fail() { echo "audit: $*" >&2; failed=1; }

# run NAME COMMAND...: prints the output; a failure for want of the network is a skip.
run() {
  local name=$1 out status
  shift
  say "$name"
  out=$("$@" 2>&1)
  status=$?
  printf '%s\n' "$out" | tail -40
  [ $status = 0 ] && return
  if ! grep -qE 'Vulnerability #|[1-9][0-9]* vulnerabilit' <<<"$out" &&
    grep -qiE 'no such host|connection refused|i/o timeout|Forbidden|proxyconnect|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENOAUDIT|audit endpoint|404 Not Found|network is unreachable|fetching vulnerabilities' <<<"$out"; then
    echo "SKIPPED: $name: its database cannot be reached from here"
    return
  fi
  fail "$name"
}

say "go mod verify"
go mod verify || fail "go mod verify"
run govulncheck go run "$GOVULNCHECK" ./...
say "staticcheck"
go run "$STATICCHECK" -checks 'all,-ST1000,-ST1003,-ST1016,-ST1020,-ST1021,-ST1022' ./... || fail staticcheck
say "what must not be in the server"
if grep -rnE --include='*.go' --exclude='*_test.go' 'InsecureSkipVerify|math/rand"|crypto/(md5|sha1|des|rc4)"|os/exec"|"unsafe"' cmd/server internal |
  grep -vE 'cmd/server/healthcheck.go|internal/client/|internal/udpio/kernel_'; then
  fail "see above"
else
  echo "nothing"
fi
if [ -f package-lock.json ]; then run "npm audit" npm audit --omit=optional --audit-level=high; fi
echo
[ $failed = 0 ] && echo "audit: nothing found"
exit $failed

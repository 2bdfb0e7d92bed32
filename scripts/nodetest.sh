#!/usr/bin/env bash
# nodetest.sh FILE...: runs Node's test runner on the files and prints its report.
# Fails when nothing ran, and in CI (CI set) also when a test was skipped or left to do.
set -euo pipefail
[ $# -gt 0 ] || { echo "nodetest: no test files" >&2; exit 1; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
node --test --test-reporter=spec "$@" 2>&1 | tee "$log" || status=$?

count() { sed -nE "s/^[^a-z]*$1 ([0-9]+)\$/\1/p" "$log" | tail -1; }
[ "$(count tests)" != 0 ] || { echo "nodetest: nothing ran" >&2; exit 1; }
if [ -n "${CI:-}" ] && [ "$(count skipped)$(count todo)" != 00 ]; then
  echo "nodetest: a skipped test is a failure in CI" >&2
  exit 1
fi
exit "$status"

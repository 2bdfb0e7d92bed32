#!/usr/bin/env bash
# fuzz.sh TIME: gives every fuzz target of the repository that much time.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh TIME, such as 30s}
found=0
while read -r file target; do
  found=1
  echo "--- $(dirname "$file") $target"
  go test -run='^$' -fuzz="^$target\$" -fuzztime="$time" "./$(dirname "$file")"
done < <(grep -roE --include='*_test.go' '^func Fuzz\w+' cmd internal test web | sed 's/:func / /' | sort)
[ "$found" = 1 ] || { echo "fuzz: no targets found" >&2; exit 1; }

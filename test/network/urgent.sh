#!/usr/bin/env bash
# urgent.sh COMMAND...: runs a command before whatever else the machine does, as far
# as that is allowed. A figure of milliseconds says nothing on a busy machine.
set -euo pipefail
group=/proc/self/autogroup # sched(7): nice counts only within one session
if [ -w "$group" ] && [ "$(id -u)" = 0 ]; then
  before=$(sed 's/.* //' "$group")
  trap 'echo "$before" >"$group"' EXIT
  echo -15 >"$group" || true
fi
[ "$(id -u)" != 0 ] || renice -n -15 -p $$ >/dev/null || true
"$@"

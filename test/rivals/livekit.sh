#!/usr/bin/env bash
# livekit.sh [FLAGS OF aqload]: what `bin/aqload -server bin/server FLAGS` measures of
# our server, of LiveKit's on this machine. It is installed into a cache folder first
# (RIVALS, 75 MB, some minutes), by the ordinary Go client, and is no part of ours.
set -euo pipefail
cd "$(dirname "$0")/../.."
# The last version without replaced modules in its go.mod, which go install refuses.
version=${LIVEKIT_VERSION:-v1.13.5}
folder=${RIVALS:-${XDG_CACHE_HOME:-$HOME/.cache}/aq-server-rivals}/livekit-$version
if [ ! -x "$folder/livekit-server" ]; then
  mkdir -p "$folder"
  GOBIN=$folder nice go install "github.com/livekit/livekit-server/cmd/server@$version"
  mv "$folder/server" "$folder/livekit-server"
fi
make --no-print-directory generator >&2
exec bin/aqload -livekit-server "$folder/livekit-server" "$@"

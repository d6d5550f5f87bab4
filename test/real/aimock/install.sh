#!/usr/bin/env bash
# Installs aimock (MIT), a mock of many providers' HTTP APIs that paces its streams and fails on demand. Idempotent. Needs npm.
#   ASSAY_SERVERS  parent folder (default: $HOME/.cache/assay-servers)
set -euo pipefail
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/aimock
package='@copilotkit/aimock@1.43.0'

if [ "$(cat "$folder/.installed" 2>/dev/null || true)" = "$package" ]; then
  echo "aimock: already in $folder"
  exit 0
fi
mkdir -p "$folder"
npm install --prefix "$folder" --no-save --ignore-scripts --no-audit --no-fund --loglevel=error "$package" >&2
# Written last: an installation that was cut off is done again.
echo "$package" >"$folder/.installed"
echo "aimock: installed in $folder"

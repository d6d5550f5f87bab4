#!/usr/bin/env bash
# Builds ghz, a load generator for gRPC, through the Go module proxy. Idempotent; does nothing without Go.
#   ASSAY_SERVERS  parent folder (default: $HOME/.cache/assay-servers)
set -euo pipefail
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/ghz
version=v0.93.0

if [ "$(cat "$folder/.installed" 2>/dev/null || true)" = "$version" ]; then
  echo "ghz: already in $folder"
elif ! command -v go >/dev/null; then
  echo "ghz: there is no Go to build it with, its tests will be skipped"
else
  mkdir -p "$folder"
  GOBIN=$folder go install "github.com/bojand/ghz/cmd/ghz@$version"
  echo "$version" >"$folder/.installed"
  echo "ghz: installed in $folder"
fi

#!/usr/bin/env bash
# Builds grpcurl, the usual command-line client of gRPC, through the Go module proxy. Idempotent; does nothing without Go.
#   ASSAY_SERVERS  parent folder (default: $HOME/.cache/assay-servers)
set -euo pipefail
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/grpcurl
version=v1.9.4

if [ "$(cat "$folder/.installed" 2>/dev/null || true)" = "$version" ]; then
  echo "grpcurl: already in $folder"
elif ! command -v go >/dev/null; then
  echo "grpcurl: there is no Go to build it with, its tests will be skipped"
else
  mkdir -p "$folder"
  GOBIN=$folder go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$version"
  echo "$version" >"$folder/.installed"
  echo "grpcurl: installed in $folder"
fi

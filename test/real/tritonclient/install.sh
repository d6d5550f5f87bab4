#!/usr/bin/env bash
# Installs NVIDIA's client of Triton for Python (BSD-3-Clause). Idempotent.
#   ASSAY_SERVERS  parent folder (default: $HOME/.cache/assay-servers)
#   PYTHON         interpreter, 3.10 or newer (default: python3)
set -euo pipefail
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/tritonclient
packages='tritonclient[grpc]==2.73.0 grpcio==1.85.3 protobuf==6.33.6 numpy==2.4.6'

if [ "$(cat "$folder/.installed" 2>/dev/null || true)" = "$packages" ]; then
  echo "tritonclient: already in $folder"
  exit 0
fi
mkdir -p "$folder"
"${PYTHON:-python3}" -m venv "$folder"
# Packages, a word each.
# shellcheck disable=SC2086
if ! "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: $packages; then
  echo 'tritonclient: it cannot be installed for this machine and its Python, its tests will be skipped'
  exit 0
fi
# Written last: an installation that was cut off is done again.
echo "$packages" >"$folder/.installed"
echo "tritonclient: installed in $folder"

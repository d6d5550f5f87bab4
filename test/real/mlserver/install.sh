#!/usr/bin/env bash
# Installs MLServer, another server of KServe's protocol (Apache-2.0). Idempotent.
#   ASSAY_SERVERS  parent folder (default: $HOME/.cache/assay-servers)
#   PYTHON         interpreter, 3.10 or newer (default: python3)
set -euo pipefail
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/mlserver
packages='mlserver==1.7.1 grpcio==1.85.3 protobuf==6.33.6 numpy==2.4.6 fastapi==0.115.14 pandas==3.1.1'

if [ "$(cat "$folder/.installed" 2>/dev/null || true)" = "$packages" ]; then
  echo "mlserver: already in $folder"
  exit 0
fi
mkdir -p "$folder"
"${PYTHON:-python3}" -m venv "$folder"
# Packages, a word each.
# shellcheck disable=SC2086
if ! "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: $packages; then
  echo 'mlserver: it cannot be installed for this machine and its Python, its tests will be skipped'
  exit 0
fi
# Written last: an installation that was cut off is done again.
echo "$packages" >"$folder/.installed"
echo "mlserver: installed in $folder"

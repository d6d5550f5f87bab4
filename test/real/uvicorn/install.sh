#!/usr/bin/env bash
# Installs uvicorn, the HTTP server in front of vLLM and many others, with its parser in C. Idempotent.
#   ASSAY_SERVERS  parent folder (default: $HOME/.cache/assay-servers)
#   PYTHON         interpreter, 3.10 or newer (default: python3)
set -euo pipefail
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/uvicorn
packages='uvicorn==0.54.0 httptools==0.9.0'

if [ "$(cat "$folder/.installed" 2>/dev/null || true)" = "$packages" ]; then
  echo "uvicorn: already in $folder"
  exit 0
fi
mkdir -p "$folder"
"${PYTHON:-python3}" -m venv "$folder"
# Two packages, two words.
# shellcheck disable=SC2086
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check $packages
# Written last: an installation that was cut off is done again.
echo "$packages" >"$folder/.installed"
echo "uvicorn: installed in $folder"

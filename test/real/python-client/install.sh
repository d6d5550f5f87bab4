#!/usr/bin/env bash
# Installs what the client for Python, its examples and the checks of its sources need; the client itself is installed by its test. Idempotent.
#   ASSAY_SERVERS  parent folder (default: $HOME/.cache/assay-servers)
#   PYTHON         interpreter, 3.10 or newer (default: python3)
set -euo pipefail
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/python-client
packages='grpcio==1.76.0 protobuf==6.33.6 googleapis-common-protos==1.76.0 pandas==2.3.3 hatchling==1.33.0
  ruff==0.17.6 mypy==2.4.1 types-grpcio==1.82.1.20260724 types-protobuf==7.35.1.20260906 pandas-stubs==2.3.3.260113'

if [ "$(cat "$folder/.installed" 2>/dev/null || true)" = "$packages" ]; then
  echo "python-client: already in $folder"
  exit 0
fi
mkdir -p "$folder"
"${PYTHON:-python3}" -m venv "$folder"
# Packages, a word each.
# shellcheck disable=SC2086
if ! "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: $packages; then
  echo 'python-client: it cannot be installed for this machine and its Python, its tests will be skipped'
  exit 0
fi
# Written last: an installation that was cut off is done again.
echo "$packages" >"$folder/.installed"
echo "python-client: installed in $folder"

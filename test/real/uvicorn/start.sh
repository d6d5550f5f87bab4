#!/usr/bin/env bash
# Runs uvicorn on a free port of 127.0.0.1 with the application of serve.py.
#   UVICORN_HTTP  its parser: httptools (default) or h11
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/uvicorn/bin/python" "$here/serve.py"

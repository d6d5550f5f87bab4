#!/usr/bin/env bash
# Runs llama.cpp's server in the foreground on 127.0.0.1 until SIGTERM. It says where it listens; ready when GET /health answers 200.
#   LLAMA_PORT     port (0: a free one)
#   LLAMA_SLOTS    requests decoded together (2)
#   LLAMA_CONTEXT  tokens of all slots' contexts together (4096)
#   LLAMA_THREADS  threads that decode (1): more of them wait for each other by spinning, which a busy machine makes very slow
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/llama/bin/python" "$here/serve.py"

#!/usr/bin/env bash
# Runs aimock in the foreground on 127.0.0.1 until SIGTERM, with the answers of `answers.json`: the model that is asked for chooses one.
# It says where it listens; ready when GET /health answers 200.
#   AIMOCK_PORT  port (0: a free one)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/aimock
exec node "$folder/node_modules/@copilotkit/aimock/dist/cli.js" \
  --port "${AIMOCK_PORT:-0}" --fixtures "$here/answers.json" --validate-on-load --strict --metrics

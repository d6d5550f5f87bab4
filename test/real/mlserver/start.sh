#!/usr/bin/env bash
# Runs MLServer with the models beside this script in the foreground on 127.0.0.1 until SIGTERM. It says where it listens; ready when
# GET /v2/health/ready answers 200.
#   MLSERVER_GRPC_PORT, MLSERVER_HTTP_PORT, MLSERVER_METRICS_PORT  ports, all needed
set -euo pipefail
models=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/models
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/mlserver
export MLSERVER_HOST=127.0.0.1
# Streams need the model in the server's own process, and answers that are not compressed.
export MLSERVER_PARALLEL_WORKERS=0 MLSERVER_GZIP_ENABLED=false
export PYTHONPATH=$models PYTHONDONTWRITEBYTECODE=1 OTEL_SDK_DISABLED=true
# It writes beside itself.
mkdir -p "$folder/run"
cd "$folder/run"
echo "listening on http://127.0.0.1:$MLSERVER_HTTP_PORT"
exec "$folder/bin/mlserver" start "$models"

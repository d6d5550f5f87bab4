#!/usr/bin/env bash
# Runs Triton with the models beside this script in the foreground on 127.0.0.1 until SIGTERM. It says where it listens; ready when
# GET /v2/health/ready answers 200.
#   TRITON_GRPC_PORT, TRITON_HTTP_PORT  ports, both needed
#   TRITON_SEQUENCES                    file to which running_sum adds a line for each of its requests; only that model needs it
#   TRITON_METRICS_PORT                 port of its page of metrics; without it there is none
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${ASSAY_SERVERS:-$HOME/.cache/assay-servers}/triton
libraries=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
# Models run in a Python that is found by the first one in PATH, and by its shared library.
export PATH=$folder/bin:$PATH
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# A copy, beside which the models' compiled files land.
rm -rf "$folder/models"
cp -r "$here/models" "$folder/models"
metrics=(--allow-metrics false)
if [ -n "${TRITON_METRICS_PORT:-}" ]; then metrics=(--metrics-address 127.0.0.1 --metrics-port "$TRITON_METRICS_PORT"); fi
echo "listening on http://127.0.0.1:$TRITON_HTTP_PORT"
exec "$folder/tritonserver/bin/tritonserver" \
  --model-repository "$folder/models" \
  --backend-directory "$folder/tritonserver/backends" \
  --cache-directory "$folder/tritonserver/caches" \
  --backend-config "python,shm-region-prefix-name=assay_triton_$TRITON_GRPC_PORT" \
  --grpc-address 127.0.0.1 --grpc-port "$TRITON_GRPC_PORT" \
  --http-address 127.0.0.1 --http-port "$TRITON_HTTP_PORT" \
  "${metrics[@]}" --exit-timeout-secs 8

#!/usr/bin/env bash
# Runs a Prometheus server in the foreground on 127.0.0.1 until SIGTERM. It says where it listens; ready when GET /-/ready answers 200.
#   PROMETHEUS_PORT     port
#   PROMETHEUS_TARGETS  host:port of pages to scrape twice a second, separated by commas
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
targets=$(printf '"%s",' $(tr ',' ' ' <<<"$PROMETHEUS_TARGETS"))
cat >"$folder/prometheus.yml" <<Y
global: { scrape_interval: 500ms, scrape_timeout: 500ms }
scrape_configs:
  - job_name: assay
    static_configs: [ { targets: [${targets%,}] } ]
Y
echo "listening on http://127.0.0.1:$PROMETHEUS_PORT"
prometheus --config.file "$folder/prometheus.yml" --storage.tsdb.path "$folder/tsdb" \
  --web.listen-address "127.0.0.1:$PROMETHEUS_PORT" --log.level=warn &
child=$!
trap 'kill "$child" 2>/dev/null || true' TERM INT
wait "$child" || true
wait "$child" || true

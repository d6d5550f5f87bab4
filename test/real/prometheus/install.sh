#!/usr/bin/env bash
# Installs Debian's Prometheus server and node exporter where they are not there. Needs root for that; their tests are skipped without.
set -euo pipefail

if command -v prometheus >/dev/null && command -v promtool >/dev/null && command -v prometheus-node-exporter >/dev/null; then
  echo "prometheus: already installed"
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "prometheus: needs root and apt-get, its tests will be skipped"
  exit 0
fi
apt-get update -qq
# The packages would start services of the machine, which nothing here needs.
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus prometheus-node-exporter >/dev/null
echo "prometheus: installed"

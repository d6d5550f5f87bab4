#!/usr/bin/env bash
# Installs nginx from the distribution where that can be done without asking; its tests are skipped where there is none.
set -euo pipefail
export PATH=$PATH:/usr/sbin
if command -v nginx >/dev/null; then
  echo "nginx: already at $(command -v nginx)"
elif command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light >/dev/null
  echo "nginx: installed"
else
  echo "nginx: not there, and not to be installed without root and apt-get; its tests will be skipped"
fi

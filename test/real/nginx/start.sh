#!/usr/bin/env bash
# Runs nginx on a free port of 127.0.0.1, in front of UPSTREAM (host:port).
set -euo pipefail
export PATH=$PATH:/usr/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'kill "$child" 2>/dev/null; wait "$child"; rm -rf "$folder"' EXIT
trap 'exit 0' TERM
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed -e "s|PORT|$port|" -e "s|UPSTREAM|$UPSTREAM|" -e "s|FOLDER|$folder|" "$here/nginx.conf" >"$folder/nginx.conf"
nginx -p "$folder" -e stderr -c "$folder/nginx.conf" &
child=$!
echo "listening on http://127.0.0.1:$port"
wait "$child"

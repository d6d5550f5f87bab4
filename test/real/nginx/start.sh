#!/usr/bin/env bash
# Runs nginx on free ports of 127.0.0.1, in front of UPSTREAM (host:port). /ports says where it speaks HTTP/2, without TLS and with it.
set -euo pipefail
export PATH=$PATH:/usr/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'kill "$child" 2>/dev/null; wait "$child"; rm -rf "$folder"' EXIT
trap 'exit 0' TERM
read -r port h2c h2tls < <(python3 -c 'import socket
sockets = [socket.socket() for _ in range(3)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>/dev/null
sed -e "s|PORT|$port|" -e "s|H2C|$h2c|" -e "s|H2TLS|$h2tls|" -e "s|UPSTREAM|$UPSTREAM|" -e "s|FOLDER|$folder|" "$here/nginx.conf" >"$folder/nginx.conf"
nginx -p "$folder" -e stderr -c "$folder/nginx.conf" &
child=$!
echo "listening on http://127.0.0.1:$port"
wait "$child"

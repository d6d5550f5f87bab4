"""Answers of every framing that uvicorn has, by the path of the request."""

import os
import socket

import uvicorn


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    path = scope["path"]
    peer = str(scope["client"][1]).encode()

    async def start(status, *headers):
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-peer", peer), *headers]})

    async def body(data, more=False):
        await send({"type": "http.response.body", "body": data, "more_body": more})

    if path == "/stream":
        await start(200, (b"content-type", b"text/event-stream"))
        for index in range(200):
            await body(b"data: %d\n\n" % index, True)
        await body(b"")
    elif path == "/large":
        await start(200, (b"content-type", b"application/octet-stream"))
        for _ in range(200):
            await body(b"0123456789abcdef" * 4096, True)
        await body(b"")
    elif path == "/nothing":
        await start(204)
        await body(b"")
    elif path == "/close":
        await start(200, (b"connection", b"close"), (b"content-length", b"3"))
        await body(b"bye")
    elif path == "/cut":
        await start(200)
        await body(b"half", True)
        raise RuntimeError("on purpose")
    elif path == "/fail":
        raise RuntimeError("on purpose")
    else:
        text = b"%d" % size
        await start(200, (b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text)))
        await body(text)


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
http = os.environ.get("UVICORN_HTTP", "httptools")
config = uvicorn.Config(application, http=http, lifespan="off", log_level="critical", timeout_keep_alive=1)
uvicorn.Server(config).run(sockets=[listener])

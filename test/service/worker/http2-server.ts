/** A server of HTTP/2 that answers as it is told. */
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import type { Harness } from "../rpc/harness.ts";

/** Called when the whole request is there; the stream's errors are its own. */
export type Answering = (stream: ServerHttp2Stream, headers: Record<string, unknown>, body: Buffer) => void;

/** Returns `host:port`; closed by the harness. */
export function serveHttp2(harness: Harness, answer: Answering, server?: Http2Server): Promise<string> {
  return serveStreams(
    harness,
    (stream, head) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => answer(stream, head, Buffer.concat(chunks)));
    },
    server,
  );
}

/** The same of requests that go on: told of each when it begins. */
export async function serveStreams(
  harness: Harness,
  opened: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void,
  server: Http2Server = createServer(),
): Promise<string> {
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session.on("error", () => {})));
  server.on("stream", (stream, head) => {
    stream.on("error", () => {});
    opened(stream, head);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  harness.onClose(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers as gRPC does, with these trailers behind a body. */
export function ends(stream: ServerHttp2Stream, trailers: Record<string, string>, body = Buffer.alloc(5)): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(body);
}

/** Passes bytes on to `host:port`, until it is stopped: then connections stand, and nothing comes through. */
export async function startRelay(harness: Harness, to: string): Promise<{ readonly address: string; stop(): void }> {
  const sockets: Socket[] = [];
  const [host, port] = to.split(":");
  const relay = createTcpServer((socket) => {
    const there = connect({ host, port: Number(port) });
    sockets.push(socket, there);
    socket.pipe(there).pipe(socket);
    for (const end of [socket, there]) end.on("error", () => {});
  });
  await once(relay.listen(0, "127.0.0.1"), "listening");
  harness.onClose(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  return {
    address: `127.0.0.1:${(relay.address() as AddressInfo).port}`,
    stop: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
  };
}

/** As `loopback.ts`, for runs over gRPC: every call is answered at once with one message or, as a stream, with a few. */
import { once } from "node:events";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { grpcContentType } from "../../endpoints/grpc-status.ts";
import { frameOf } from "../common/grpc-frames.ts";
import type { Loopback } from "./loopback.ts";

const messagesOfStream = 16;
/** As long as the response with one token is. */
const message = frameOf(false, Buffer.alloc(120));

export async function startGrpcLoopback(isStreaming: boolean): Promise<Loopback> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {}); // 'close' follows
    session.once("close", () => sessions.delete(session));
  });
  server.on("stream", (stream) => {
    stream.on("error", () => {}); // a reset
    stream.resume().once("end", () => answer(stream, isStreaming ? messagesOfStream : 1));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `grpc://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        for (const session of sessions) session.destroy();
        server.close(() => resolve());
      }),
  };
}

function answer(stream: ServerHttp2Stream, messages: number): void {
  if (stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": grpcContentType }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  for (let index = 1; index < messages; index++) stream.write(message);
  stream.end(message);
}

/** A TCP server whose answers are written by the test, byte for byte. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** One request as it came. */
export interface SeenRequest {
  readonly head: string;
  readonly body: Buffer;
  readonly socket: Socket;
  /** Requests of this connection before it. */
  readonly ordinal: number;
}

export interface ScriptedServer {
  readonly port: number;
  readonly origin: string;
  /** Every request that came whole. */
  readonly requests: SeenRequest[];
  /** Connections accepted so far. */
  connections(): number;
  /** Those that are open. */
  readonly open: ReadonlySet<Socket>;
  stop(): Promise<void>;
}

export interface ScriptOptions {
  readonly host?: string;
  readonly tls?: TlsOptions;
  /** Listens on this Unix socket instead of a port. */
  readonly socketPath?: string | undefined;
  /** Called for every connection, before any request. */
  onConnection?(socket: Socket): void;
}

/** `answer` is called for every whole request. */
export async function startScripted(
  answer: (request: SeenRequest) => void,
  { host = "127.0.0.1", tls, socketPath, onConnection }: ScriptOptions = {},
): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  const open = new Set<Socket>();
  let accepted = 0;
  const accept = (socket: Socket): void => {
    accepted++;
    open.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    onConnection?.(socket);
    let ordinal = 0;
    let pending = Buffer.alloc(0);
    socket.on("data", (data) => {
      pending = Buffer.concat([pending, data]);
      for (let request = cut(pending); request !== undefined; request = cut(pending)) {
        pending = pending.subarray(request.end);
        const seen = { head: request.head, body: request.body, socket, ordinal: ordinal++ };
        requests.push(seen);
        answer(seen);
      }
    });
  };
  const server: Server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (socketPath === undefined) server.listen(0, host, resolve);
    else server.listen(socketPath, resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return {
    port,
    origin: `${tls === undefined ? "http" : "https"}://${authority}`,
    requests,
    connections: () => accepted,
    open,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function cut(pending: Buffer): { head: string; body: Buffer; end: number } | undefined {
  const at = pending.indexOf("\r\n\r\n");
  if (at < 0) return undefined;
  const head = pending.toString("latin1", 0, at);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  const end = at + 4 + length;
  return pending.length < end ? undefined : { head, body: pending.subarray(at + 4, end), end };
}

/** A whole answer with a length. */
export function plainAnswer(body: string | Buffer, headers = "", status = "200 OK"): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\n${headers}content-length: ${bytes.length}\r\n\r\n`),
    bytes,
  ]);
}

export const chunkedHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n";
export const lastChunk = "0\r\n\r\n";

export function chunk(data: string): string {
  return `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`;
}

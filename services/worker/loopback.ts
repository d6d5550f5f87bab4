/**
 * A target inside this process, for warming the worker's own path: answers every request with a short stream, or with a
 * small JSON document, at once. No measured request then meets cold code; the real target sees nothing of it.
 */

import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";

export interface Loopback {
  readonly origin: string;
  close(): Promise<void>;
}

const chunks = 16;

export async function startLoopback(isStreaming: boolean): Promise<Loopback> {
  const answer = isStreaming ? streamedAnswer() : plainAnswer();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    let pending = "";
    socket.on("data", (data) => {
      pending += data.toString("latin1");
      for (let rest = requestEnd(pending); rest !== undefined; rest = requestEnd(pending)) {
        pending = pending.slice(rest);
        socket.write(answer);
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Where the first request of the text ends; undefined: it has not come whole. */
function requestEnd(text: string): number | undefined {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const length = Number(/content-length: *(\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
  const end = head + 4 + length;
  return text.length >= end ? end : undefined;
}

function streamedAnswer(): Buffer {
  const events = Array.from({ length: chunks }, () =>
    event('{"choices":[{"index":0,"delta":{"content":"warm"},"finish_reason":null}]}'),
  );
  events.push(event('{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'), event("[DONE]"));
  const body = events.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join("");
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${body}0\r\n\r\n`,
    "latin1",
  );
}

function plainAnswer(): Buffer {
  const body =
    '{"choices":[{"index":0,"message":{"role":"assistant","content":"warm"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    "latin1",
  );
}

function event(data: string): string {
  return `data: ${data}\n\n`;
}

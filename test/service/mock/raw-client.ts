/** A client on a bare socket, which sees exactly what the server sends and how the connection ends. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Mock, MockStats } from "../../../mock/server.ts";

export const chatPath = "/v1/chat/completions";

/** How a connection ended: with an end of stream, or with a reset. */
export type Ending = "end" | "reset";

export interface RawAnswer {
  readonly text: string;
  readonly ending: Ending;
}

/** A POST as text; `body` gets a model and messages unless it has its own. */
export function rawRequest(body: object, headers = "", path = chatPath): string {
  const json = JSON.stringify({ model: "mock", messages: [{ role: "user", content: "hello there" }], ...body });
  return `POST ${path} HTTP/1.1\r\nhost: a\r\n${headers}content-length: ${json.length}\r\n\r\n${json}`;
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setEncoding("latin1");
  await once(socket, "connect");
  return socket;
}

/** Asks on a connection of its own, and reads until the server ends that. */
export async function askRaw(mock: Mock, body: object, headers = ""): Promise<RawAnswer> {
  const socket = await openSocket(mock.port);
  socket.write(rawRequest(body, headers));
  return untilEnded(socket);
}

/** Everything received until the connection ends, and how that was. */
export async function untilEnded(socket: Socket): Promise<RawAnswer> {
  let text = "";
  let ending: Ending = "end";
  socket.on("data", (piece: string) => {
    text += piece;
  });
  socket.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "ECONNRESET") throw error;
    ending = "reset";
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return { text, ending };
}

/** Everything received until its last 64 characters match; rejects if the connection ends before. */
export function until(socket: Socket, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: string[] = [];
    let tail = "";
    const onClose = () => reject(new Error(`the connection ended after ${tail}`));
    const onData = (piece: string) => {
      pieces.push(piece);
      tail = (tail + piece).slice(-64);
      if (!pattern.test(tail)) return;
      socket.off("data", onData).off("close", onClose);
      resolve(pieces.join(""));
    };
    socket.on("data", onData).on("close", onClose);
  });
}

/** Resolves once the counts are as wanted; mocha's limit is the deadline. */
export async function statsReach(mock: Mock, isReached: (stats: MockStats) => boolean): Promise<MockStats> {
  while (!isReached(mock.stats())) await new Promise((resolve) => setImmediate(resolve));
  return mock.stats();
}

/** Undoes the chunked coding of an answer's body, as far as it goes; `isWhole`: its end has come. */
export function bodyOf(answer: string): { readonly body: string; readonly isWhole: boolean } {
  let rest = answer.slice(answer.indexOf("\r\n\r\n") + 4);
  let body = "";
  for (;;) {
    const [line, size] = /^([0-9a-f]+)\r\n/.exec(rest) ?? [];
    if (line === undefined || size === undefined) return { body, isWhole: false };
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) return { body, isWhole: rest === "0\r\n\r\n" };
    body += rest.slice(line.length, line.length + bytes);
    if (rest.length < line.length + bytes + 2) return { body, isWhole: false };
    rest = rest.slice(line.length + bytes + 2);
  }
}

/** What the events of a stream say; `undefined` for data that is not JSON. `[DONE]` is not among them. */
export function eventsOf(answer: string): (Record<string, any> | undefined)[] {
  return dataOf(answer)
    .filter((data) => data !== "[DONE]")
    .map((data) => {
      try {
        return JSON.parse(data);
      } catch {
        return undefined;
      }
    });
}

export function dataOf(answer: string): string[] {
  return [...bodyOf(answer).body.matchAll(/^data: (.*)\n$/gm)].map(([, data]) => data ?? "");
}

/** The content chunks among events. */
export function contentsOf(events: readonly (Record<string, any> | undefined)[]): string[] {
  return events.map((event) => event?.choices?.[0]?.delta?.content ?? "").filter((content) => content !== "");
}

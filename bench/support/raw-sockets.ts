/** Raw sockets that keep asking for streams: the fastest client there is, for how fast a server is. */
import { connect, type Socket } from "node:net";

const chatPath = "/v1/chat/completions";
/** What an answer that is a stream ends with, of the built-in server. */
export const endOfAnswer = "data: [DONE]\n\n\r\n0\r\n\r\n";
const endBytes = Buffer.from(endOfAnswer, "latin1");

/** A small request for chat; without a number of tokens the server says how many come. */
export function chatBody(
  isStreaming: boolean,
  { model = "mock", outputTokens, wantsUsage }: Pick<DriveOptions, "model" | "outputTokens" | "wantsUsage"> = {},
): string {
  const messages = [{ role: "user", content: "Say one word about the sea and the ships on it." }];
  const usage = wantsUsage === true ? { stream_options: { include_usage: true } } : {};
  return JSON.stringify({ model, messages, stream: isStreaming, max_completion_tokens: outputTokens, ...usage });
}

export interface DriveOptions {
  /** Gets every read before anything else is done with it. */
  readonly read?: ((bytes: Buffer) => void) | undefined;
  /** Gets each whole answer; without it the bytes are dropped. */
  readonly whole?: ((answer: Buffer) => void) | undefined;
  /** The first requests are spread evenly over this time, so that the streams' chunks are not due all at once. */
  readonly spreadMs?: number;
  /** Default: one that a server serves which was told of none. */
  readonly model?: string | undefined;
  /** Tokens of an answer. Default: as many as the server gives. */
  readonly outputTokens?: number | undefined;
  /** Whether usage is asked for, with which the server tells when it had the request. Default: not. */
  readonly wantsUsage?: boolean | undefined;
}

/** The bytes of a request for a stream. */
export function chatRequest({
  model,
  outputTokens,
  wantsUsage,
}: Pick<DriveOptions, "model" | "outputTokens" | "wantsUsage">): Buffer {
  const body = chatBody(true, { model, outputTokens, wantsUsage });
  const head = `POST ${chatPath} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.from(head + body, "latin1");
}

/** Keeps `count` connections asking the server at this port for streams. */
export async function driveStreams(port: number, count: number, forSec: number, options: DriveOptions = {}): Promise<void> {
  const request = chatRequest(options);
  const sockets = await Promise.all(Array.from({ length: count }, () => openSocket(port)));
  for (const socket of sockets) againAfterEach(socket, request, options);
  const startMs = performance.now();
  for (let i = 0; i < count; ) {
    const isDue = performance.now() - startMs >= ((options.spreadMs ?? 0) * i) / count;
    if (isDue) sockets[i++]?.write(request);
    else await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, forSec * 1000));
  await Promise.all(sockets.map(closeSocket));
}

export function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(socket));
    socket.once("error", reject);
  });
}

export function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    socket.destroy();
  });
}

// The end of an answer is always the end of a write; only its last bytes are kept unless the answer is wanted.
function againAfterEach(socket: Socket, request: Buffer, { read, whole }: DriveOptions): void {
  let parts: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => {
    read?.(bytes);
    parts.push(bytes);
    const isCut = bytes.length < endBytes.length;
    const tail = isCut ? Buffer.concat(parts.slice(-endBytes.length)) : bytes;
    if (tail.subarray(-endBytes.length).equals(endBytes)) {
      whole?.(Buffer.concat(parts));
      parts = [];
      socket.write(request);
    } else if (whole === undefined && !isCut) parts = [bytes];
  });
}

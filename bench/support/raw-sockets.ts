/** Raw sockets that keep asking for streams: the fastest client there is, for how fast a server is. */
import { connect, type Socket } from "node:net";

const chatPath = "/v1/chat/completions";
const endOfAnswer = Buffer.from("data: [DONE]\n\n\r\n0\r\n\r\n", "latin1");

/** A small request for chat; without a number of tokens the server says how many come. */
export function chatBody(isStreaming: boolean, model = "mock", outputTokens?: number): string {
  const messages = [{ role: "user", content: "Say one word about the sea and the ships on it." }];
  return JSON.stringify({ model, messages, stream: isStreaming, max_completion_tokens: outputTokens });
}

export interface DriveOptions {
  /** Gets every read before anything else is done with it. */
  readonly read?: ((bytes: Buffer) => void) | undefined;
  /** Gets each whole answer; without it the bytes are dropped. */
  readonly whole?: ((answer: Buffer) => void) | undefined;
  /** The first requests are spread evenly over this time, so that the streams' chunks are not due all at once. */
  readonly spreadMs?: number;
  /** Default: one that a server serves which was told of none. */
  readonly model?: string;
  /** Tokens of an answer. Default: as many as the server gives. */
  readonly outputTokens?: number;
}

/** Keeps `count` connections asking the server at this port for streams. */
export async function driveStreams(port: number, count: number, forSec: number, options: DriveOptions = {}): Promise<void> {
  const body = chatBody(true, options.model, options.outputTokens);
  const head = `POST ${chatPath} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const request = Buffer.from(head + body, "latin1");
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

function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(socket));
    socket.once("error", reject);
  });
}

function closeSocket(socket: Socket): Promise<void> {
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
    const isCut = bytes.length < endOfAnswer.length;
    const tail = isCut ? Buffer.concat(parts.slice(-endOfAnswer.length)) : bytes;
    if (tail.subarray(-endOfAnswer.length).equals(endOfAnswer)) {
      whole?.(Buffer.concat(parts));
      parts = [];
      socket.write(request);
    } else if (whole === undefined && !isCut) parts = [bytes];
  });
}

/**
 * Streams of each HTTP/2 connection. A client has a call wait that is one more than its connection may have, for as long as the others last, and
 * is told nothing; where those are streams that may be for ever. So half of a connection's calls may be streams: one more is
 * refused by name, and there is always room for calls that come to their end.
 */
import type { ServerHttp2Stream } from "node:http2";
import { AssayError } from "../errors.ts";

export class OpenStreams {
  readonly #maxCalls: number;
  readonly #most: number;
  readonly #bySession = new WeakMap<object, number>();

  /** @param maxCalls at once on one connection */
  constructor(maxCalls: number) {
    this.#maxCalls = maxCalls;
    this.#most = Math.max(1, Math.floor(maxCalls / 2));
  }

  /** One more, until it is closed. Throws `resource_exhausted` where its connection has as many as it may. */
  add(stream: Pick<ServerHttp2Stream, "session" | "destroyed" | "once">): void {
    const { session } = stream;
    // Closed before it was admitted: nobody would hear of its end.
    if (session === undefined || stream.destroyed) return;
    const open = this.#bySession.get(session) ?? 0;
    if (open >= this.#most) {
      throw new AssayError(
        "resource_exhausted",
        `this connection has ${open} streams: half of its ${this.#maxCalls} calls at once (--max-streams) may be streams`,
      );
    }
    this.#bySession.set(session, open + 1);
    stream.once("close", () => this.#bySession.set(session, (this.#bySession.get(session) ?? 1) - 1));
  }
}

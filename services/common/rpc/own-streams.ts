/**
 * Streams between services that share a process: the messages of a bidi method with a callback handler, handed from one end to the other
 * with no socket, frames or flow control of HTTP/2 between them. To both ends they are what they would be over the network: the
 * same bytes, in the same order, never within the call that sends them, with a bound.
 */
import { Duplex } from "node:stream";
import { AssayError } from "../errors.ts";
import type { Caller } from "./auth.ts";
import { asBuffer, type MethodDefinition, methodDefinition } from "./bridge.ts";
import { type CallBook, cancelledByCaller } from "./call.ts";
import { counted } from "./grpc-handlers.ts";
import type { ErasedHandler, Implementation, ImplementedMethod, MessageStream } from "./handler.ts";
import { DuplexMessageStream } from "./message-stream.ts";
import { asAssayError } from "./status.ts";

/** What a server offers to clients in its own process. */
export interface OwnStreams {
  /**
   * The client's end of a new call; undefined: such a method is not served here, or the server has stopped. `client` is the method as the client encodes it.
   * The server's handler hears of it a turn of the event loop later.
   */
  open(client: MethodDefinition): MessageStream<unknown, unknown> | undefined;
  /** Calls that are open end with `unavailable`, and no others begin. */
  close(): void;
}

interface Served {
  readonly method: ImplementedMethod;
  readonly definition: MethodDefinition;
  readonly handler: Exclude<ErasedHandler, (...args: never) => unknown>;
}

/** Messages on their way at a time, in each direction, before `send` says that there is no room: as much as a window of 4 MiB has of large batches. */
const maxQueued = 32;
/** Whoever shares a process with a service is the suite itself. */
const caller: Caller = {
  peer: { address: "this process", isLoopback: true, identity: { kind: "token" } },
  roles: ["member"],
};

export function createOwnStreams(implementations: readonly Implementation[], book: CallBook): OwnStreams {
  const served = new Map<string, Served>();
  for (const { methods, maxRequestBytes } of implementations) {
    for (const method of methods.values()) {
      if (typeof method.handler === "function" || !method.roles.includes("member")) continue;
      const stats = book.methodStats(method.desc.parent.typeName, method.desc.name);
      const definition = counted(methodDefinition(method.desc, method.codec), stats, maxRequestBytes);
      served.set(definition.path, { method, definition, handler: method.handler });
    }
  }
  const open = new Set<(error: AssayError) => void>();
  let isClosed = false;
  return {
    open(client) {
      const wanted = served.get(client.path);
      return wanted === undefined || isClosed ? undefined : openCall(wanted, client, { book, open });
    },
    close() {
      isClosed = true;
      for (const end of open) end(new AssayError("unavailable", "the server has stopped"));
    },
  };
}

interface Calls {
  readonly book: CallBook;
  readonly open: Set<(error: AssayError) => void>;
}

function openCall({ method, definition, handler }: Served, client: MethodDefinition, { book, open }: Calls) {
  const [near, far] = handingEnds();
  const call = book.open({
    service: method.desc.parent.typeName,
    method: method.desc.name,
    isStream: true,
    isTraced: method.isTraced,
    protocol: "grpc",
    caller,
    metadata: { get: () => undefined },
    deadlineMs: undefined,
  });
  let outcome: AssayError | undefined;
  const server = new DuplexMessageStream<unknown, unknown>(far, {
    serialize: (message) => client.responseDeserialize(asBuffer(definition.responseSerialize(message))),
    fail(error) {
      outcome = error;
      far.end();
    },
  });
  const cut = (error: AssayError): void => {
    open.delete(cut);
    call.abort(error.code === "unavailable" ? error : cancelledByCaller());
    own.settle(error);
    near.destroy();
    far.destroy();
  };
  const own = new DuplexMessageStream<unknown, unknown>(near, {
    serialize: (message) => definition.requestDeserialize(asBuffer(client.requestSerialize(message))),
    fail: cut,
  });
  open.add(cut);
  call.onAbort((error) => server.settle(error));
  // What the server has sent is on its way to the client, which hears it first.
  far.once("finish", () => {
    open.delete(cut);
    call.end(outcome);
    server.settle(outcome);
    own.settleAfterMessages(outcome);
  });
  setImmediate(() => {
    if (call.abortError !== undefined) return;
    try {
      call.within(() => handler.onStream(server, call));
    } catch (error) {
      server.fail(asAssayError(error));
    }
  });
  return own;
}

/** Two ends: what is written into one is read from the other, at a later turn. */
function handingEnds(): readonly [HandingEnd, HandingEnd] {
  const ends = [new HandingEnd(), new HandingEnd()] as const;
  ends[0].other = ends[1];
  ends[1].other = ends[0];
  return ends;
}

class HandingEnd extends Duplex {
  other: HandingEnd | undefined;
  #taken: (() => void) | undefined;

  constructor() {
    super({ objectMode: true, highWaterMark: maxQueued / 2 });
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(message: unknown, _encoding: string, done: () => void): void {
    setImmediate(() => {
      const { other } = this;
      if (other === undefined || other.destroyed || other.push(message)) done();
      else other.#taken = done;
    });
  }

  override _final(done: () => void): void {
    setImmediate(() => {
      this.other?.push(null);
      done();
    });
  }
}

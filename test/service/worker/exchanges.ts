/** One request through a transport, written down as it happens. */
import type { RequestError } from "../../../endpoints/outcome.ts";
import { createHttp1Transport } from "../../../services/worker/transport/http1.ts";
import type {
  ConnectionEnds,
  ConnectionFacts,
  Exchange,
  TargetOptions,
  Transport,
} from "../../../services/worker/transport/transport.ts";
import { createUndiciTransport } from "../../../services/worker/transport/undici.ts";

/** The transports that there are, by what they are called in a spec. */
export const transports = { undici: createUndiciTransport, http1: createHttp1Transport };
export type TransportName = keyof typeof transports;

export interface Seen {
  /** Names of the handler's calls, in order. */
  readonly calls: string[];
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly reads: number;
  /** How many different moments its reads had. */
  readonly moments: number;
  readonly connection: ConnectionFacts | undefined;
  /** Of its connection, asked when it was sent. */
  readonly ends: ConnectionEnds | undefined;
  /** Moments of `onWritten`. */
  readonly written: readonly number[];
  readonly error: RequestError | undefined;
}

export interface SendOptions {
  readonly method?: "GET";
  readonly headers?: string[];
  readonly ownHeaders?: string[];
  readonly path?: string;
  readonly body?: Buffer;
  readonly target?: number;
  readonly session?: string;
  mayWrite?(): boolean;
  onSent?(exchange: () => Exchange): void;
  onBody?(exchange: () => Exchange, chunk: Buffer): void;
  onEnd?(exchange: () => Exchange): void;
}

/** Resolves once the request has ended. */
export function send(transport: Transport, options: SendOptions = {}): Promise<Seen> & { readonly exchange: Exchange } {
  const { promise, resolve } = Promise.withResolvers<Seen>();
  const calls: string[] = [];
  const chunks: Buffer[] = [];
  const written: number[] = [];
  let status = 0;
  let contentType = "";
  let reads = 0;
  const moments = new Set<number>();
  let connection: ConnectionFacts | undefined;
  let ends: ConnectionEnds | undefined;
  let exchange: Exchange | undefined;
  let lastNs = 0;
  const handle = (): Exchange => {
    if (exchange === undefined) throw new Error("the request has ended before it was sent");
    return exchange;
  };
  const note = (name: string, atNs: number): void => {
    if (atNs < lastNs) throw new Error(`${name} is stamped before the event ahead of it`);
    lastNs = atNs;
    calls.push(name);
  };
  const settle = (error: RequestError | undefined): void =>
    resolve({
      calls,
      status,
      contentType,
      body: Buffer.concat(chunks),
      reads,
      moments: moments.size,
      connection,
      ends,
      written,
      error,
    });
  exchange = transport.send(
    {
      target: options.target ?? 0,
      ...(options.method === undefined ? {} : { method: options.method }),
      path: options.path ?? "/v1/chat/completions",
      headers: options.headers ?? ["content-type", "application/json"],
      ...(options.ownHeaders === undefined ? {} : { ownHeaders: options.ownHeaders }),
      body: options.body ?? Buffer.from("{}"),
      session: options.session,
    },
    {
      mayWrite: () => options.mayWrite?.() ?? true,
      onSent(atNs, facts) {
        note("sent", atNs);
        connection = facts;
        ends = facts.opened.ends;
        options.onSent?.(handle);
      },
      onWritten(atNs) {
        written.push(atNs);
      },
      onHead(atNs, code, type) {
        note("head", atNs);
        status = code;
        contentType = type;
      },
      onBody(atNs, bytes, start, end) {
        const data = bytes.subarray(start, end);
        if (calls.at(-1) === "body") lastNs = atNs;
        else note("body", atNs);
        reads++;
        moments.add(atNs);
        chunks.push(Buffer.from(data));
        options.onBody?.(handle, data);
      },
      onEnd(atNs) {
        note("end", atNs);
        options.onEnd?.(handle);
        settle(undefined);
      },
      onFailure(atNs, error) {
        note("failure", atNs);
        settle(error);
      },
    },
  );
  return Object.assign(promise, { exchange });
}

/** A transport to one target, closed by the test. */
export function transportTo(origin: string, options: Partial<TargetOptions> = {}, name: TransportName = "http1"): Transport {
  return transports[name]([{ origin, connectTimeoutMs: 2000, isPooled: true, ...options }]);
}

/** Starts echo servers and clients for one test and closes them all after it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { type ChannelOptions, createChannel } from "../../../services/common/rpc/channel.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import type { MessageStream } from "../../../services/common/rpc/handler.ts";
import { createRpcServer, type RpcServer, type RpcServerOptions } from "../../../services/common/rpc/server.ts";
import { createEcho, createEchoProbe, type EchoProbe } from "../../support/echo.ts";
import {
  EchoService,
  type TalkRequest,
  type TalkRequestSchema,
  type TalkResponse,
  type TalkResponseSchema,
} from "../../support/gen/assay/testing/v1/echo_service_pb.js";

/** The two ends of `Talk`. */
export type ServerTalk = MessageStream<TalkRequest, MessageInitShape<typeof TalkResponseSchema>>;
export type ClientTalk = MessageStream<TalkResponse, MessageInitShape<typeof TalkRequestSchema>>;

export interface RunningEcho {
  readonly probe: EchoProbe;
  readonly server: RpcServer;
  readonly address: string;
  readonly port: number;
  client(options?: Partial<ChannelOptions>): Client<typeof EchoService>;
}

/** Everything that a test opened. */
export class Harness {
  readonly #closers: (() => unknown)[] = [];

  /** An echo server without authentication, unless `options` say otherwise. */
  async serve(options: Partial<RpcServerOptions> = {}): Promise<RunningEcho> {
    const probe = createEchoProbe();
    const server = createRpcServer({
      services: [createEcho(probe)],
      listen: {},
      auth: { insecure: true },
      log: silentLogger,
      ...options,
    });
    const { address, port } = await server.start();
    this.onClose(() => server.stop(0));
    return {
      probe,
      server,
      address,
      port,
      client: (channelOptions) => {
        const channel = createChannel({ address, ...channelOptions });
        this.onClose(() => channel.close());
        return createClient(EchoService, channel);
      },
    };
  }

  onClose(closer: () => unknown): void {
    this.#closers.push(closer);
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.splice(0).reverse()) await closer();
  }
}

/** The error that a promise must reject with. */
export async function failureOf(promise: Promise<unknown>): Promise<AssayError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!("error" in outcome)) throw new Error(`expected a failure, got ${JSON.stringify(outcome.value)}`);
  return outcome.error as AssayError;
}

/** How a stream ends: undefined, or why it broke. */
export function closed(stream: Pick<ClientTalk, "onClose">): Promise<AssayError | undefined> {
  return new Promise((resolve) => stream.onClose(resolve));
}

/** The messages of an iterable. */
export async function gather<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const gathered: T[] = [];
  for await (const message of messages) gathered.push(message);
  return gathered;
}

/** Resolves when the condition holds; throws after the deadline, naming what was waited for. */
export async function until(what: string, condition: () => boolean, deadlineMs = 30_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves with the value once it has stayed the same for a while: for counts that must stop growing. */
export async function settled(what: string, read: () => number, quietMs = 300): Promise<number> {
  let last = read();
  let since = Date.now();
  await until(`${what} to stand still`, () => {
    const now = read();
    if (now !== last) {
      last = now;
      since = Date.now();
    }
    return Date.now() - since > quietMs;
  });
  return last;
}

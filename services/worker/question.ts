/** A question to a target that is no request of a run: one exchange by the path that requests take, and what came of it. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { grpcContentType } from "../../endpoints/grpc-status.ts";
import { FrameReader } from "../../endpoints/kserve/frames.ts";
import { readModelNames } from "../../endpoints/openai/models.ts";
import type { RequestError } from "../../endpoints/outcome.ts";
import { bodyWords, requestError } from "../../endpoints/target-error.ts";
import { shownUrl } from "../../endpoints/target-url.ts";
import { type EndpointSpec, RunSpecSchema, type TargetSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { TargetAnswerSchema } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { AllowedTargets } from "../common/allowed-targets.ts";
import type { MonotonicNs } from "../common/clock.ts";
import { createPath, parseUrl } from "./request-path.ts";
import type { AnswerHead, ResponseHandler } from "./transport/transport.ts";

export type Answer = Exclude<MessageInitShape<typeof TargetAnswerSchema>, { $typeName: string }>;

/** Whom it goes to. */
export interface Place {
  readonly target: TargetSpec;
  readonly endpoint: EndpointSpec;
  readonly endpoints: EndpointCatalog | undefined;
  /** Default: anywhere. */
  readonly allowed?: AllowedTargets | undefined;
}

export interface Question {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Set: it is a call of gRPC. */
  readonly message?: Buffer;
}

/** Longest body that is kept: a longer list of models is none. */
const maxBodyBytes = 8 << 20;

/** Resolves with an answer whatever came of it, after `limitMs` at most. */
export async function askQuestion(
  { method, path, message }: Question,
  { target, endpoint, ...extras }: Place,
  limitMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  // The endpoint's: some APIs carry the key in a header of their own.
  const { transport, sender } = await createPath(create(RunSpecSchema, { target, endpoint }), extras);
  const headers = new Map(pairsOf(sender.headers));
  if (message === undefined) {
    headers.delete("content-type");
    headers.set("accept", "application/json");
  }
  const body = new BodyKeeper();
  const exchange = transport.send(
    { target: 0, method, path, headers: [...headers].flat(), body: message ?? Buffer.alloc(0) },
    body,
  );
  const giveUp = (error: RequestError): void => exchange.abort(error);
  const timer = setTimeout(() => giveUp(body.timeout(limitMs / 1000)), limitMs);
  const onAbort = (): void => giveUp(requestError("cancelled", "wait", "the question was withdrawn"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    await body.ended;
    return {
      method,
      url: shownUrl(parseUrl(target.urls[0]?.url ?? ""), path),
      ...(message === undefined ? body.answer() : body.response()),
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    await transport.close();
  }
}

function pairsOf(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ""] as [string, string]] : []));
}

/** Gathers one answer. */
class BodyKeeper implements ResponseHandler {
  readonly ended: Promise<void>;
  readonly #resolve: () => void;
  readonly #chunks: Buffer[] = [];
  #sizeBytes = 0;
  #isSent = false;
  #status = 0;
  #contentType = "";
  #location = "";
  #error: RequestError | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolve = resolve;
  }

  timeout(seconds: number): RequestError {
    return this.#isSent
      ? requestError("request_timeout", "wait", `no answer after ${seconds} s`)
      : requestError("connect_timeout", "connect", `no connection after ${seconds} s`);
  }

  mayWrite(): boolean {
    return true;
  }

  onSent(): void {
    this.#isSent = true;
  }

  /** Nobody asks. */
  onWritten(): void {}

  onHead(_atNs: MonotonicNs, status: number, contentType: string, head?: AnswerHead): void {
    this.#status = status;
    this.#contentType = contentType;
    const location = head?.headers().location;
    if (typeof location === "string") this.#location = location;
  }

  onBody(_atNs: MonotonicNs, bytes: Buffer, start = 0, end = bytes.length): void {
    this.#sizeBytes += end - start;
    if (this.#sizeBytes <= maxBodyBytes) this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
  }

  onEnd(): void {
    this.#resolve();
  }

  onFailure(_atNs: MonotonicNs, error: RequestError): void {
    this.#error = error;
    this.#resolve();
  }

  /** As of a call. */
  response(): Omit<Answer, "method" | "url"> {
    const message = new FrameReader(Buffer.concat(this.#chunks)).next() ?? new Uint8Array();
    const isCall = this.#status === 200 && this.#contentType.startsWith(grpcContentType);
    const foreign = isCall || this.#status === 0 ? undefined : requestError("parse", "parse", "the answer is not gRPC's");
    const error = this.#error ?? foreign;
    return { status: this.#status, contentType: this.#contentType, message, ...(error === undefined ? {} : { error }) };
  }

  answer(): Omit<Answer, "method" | "url"> {
    const isWhole = this.#error === undefined && this.#sizeBytes <= maxBodyBytes;
    const body = Buffer.concat(this.#chunks);
    const models = isWhole && isGood(this.#status) ? readModelNames(body) : undefined;
    return {
      status: this.#status,
      contentType: this.#contentType,
      words: models === undefined ? wordsOf(this.#status, body, this.#location) : "",
      isModelList: models !== undefined,
      models: models ?? [],
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

/** What a body that is no answer says, in one line. */
export function wordsOf(status: number, body: Uint8Array, location: string): string {
  return status >= 300 && status < 400 && location !== "" ? `moved to ${location}` : bodyWords(body);
}

/** One question to the target outside any run's accounts, by the path that requests take; the controller judges the answer. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { grpcContentType } from "../../endpoints/grpc-status.ts";
import { FrameReader } from "../../endpoints/kserve/frames.ts";
import { readModelNames } from "../../endpoints/openai/models.ts";
import type { RequestError } from "../../endpoints/outcome.ts";
import { bodyWords, requestError } from "../../endpoints/target-error.ts";
import { shownUrl } from "../../endpoints/target-url.ts";
import { type EndpointSpec, EndpointSpecSchema, RunSpecSchema, type TargetSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type AskTarget, type TargetAnswer, TargetAnswerSchema } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { SendOneRequestSchema } from "../../gen/assay/worker/v1/worker_service_pb.js";
import { decodeReads } from "../common/chunk-stamps.ts";
import type { MonotonicNs } from "../common/clock.ts";
import { AssayError } from "../common/errors.ts";
import { sampleTurn } from "../common/sample-turn.ts";
import { bodyOptionsOf } from "../common/turn-body.ts";
import { createPath, parseUrl } from "./request-path.ts";
import { sendOne } from "./send-one.ts";
import type { AnswerHead, ResponseHandler } from "./transport/transport.ts";

type Answer = Exclude<MessageInitShape<typeof TargetAnswerSchema>, { $typeName: string }>;

/** A list of models longer than this is none. */
const maxBodyBytes = 8 << 20;

/**
 * Resolves with an answer whatever came of it.
 * @param endpoints default: the built-in ones
 * @throws `invalid_argument` for a question without target or limit
 */
export async function askTarget(
  command: AskTarget,
  workerId: string,
  signal: AbortSignal,
  endpoints?: EndpointCatalog,
): Promise<TargetAnswer> {
  const { target, endpoint = create(EndpointSpecSchema), question, limitMs } = command;
  if (target === undefined || target.urls.length === 0) throw new AssayError("invalid_argument", "target.urls: one is needed");
  if (limitMs === 0) throw new AssayError("invalid_argument", "limit_ms: must be above 0");
  // A question is one call, and most are no streams.
  if (target.grpc !== undefined) target.grpc.streamPer = "request";
  target.connectTimeoutSec = Math.min(target.connectTimeoutSec ?? Number.POSITIVE_INFINITY, limitMs / 1000);
  switch (question.case) {
    case "getPath":
    case "postPath": {
      const asked = { method: question.case === "getPath" ? "GET" : "POST", path: question.value } as const;
      return create(TargetAnswerSchema, await ask(asked, { target, endpoint, endpoints }, limitMs, signal));
    }
    case "call": {
      const { path, message } = question.value;
      const asked = { method: "POST", path, message: Buffer.from(message) } as const;
      return create(TargetAnswerSchema, await ask(asked, { target, endpoint, endpoints }, limitMs, signal));
    }
    case "model":
      target.requestTimeoutSec = Math.min(target.requestTimeoutSec ?? Number.POSITIVE_INFINITY, limitMs / 1000);
      return create(TargetAnswerSchema, await request({ target, endpoint, model: question.value, endpoints }, workerId, signal));
    default:
      throw new AssayError("invalid_argument", "question: needed");
  }
}

interface Question {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Set: it is a call of gRPC. */
  readonly message?: Buffer;
}

/** A question that is no request of a run. */
async function ask(
  { method, path, message }: Question,
  { target, endpoint, endpoints }: Place,
  limitMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  // The endpoint's: some APIs carry the key in a header of their own.
  const { transport, sender } = await createPath(create(RunSpecSchema, { target, endpoint }), { endpoints });
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

function wordsOf(status: number, body: Uint8Array, location: string): string {
  return status >= 300 && status < 400 && location !== "" ? `moved to ${location}` : bodyWords(body);
}

/** A target that refuses more tokens at least than at most would refuse this request for what it was asked on top. */
const lengthInputs: ReadonlySet<string> = new Set(["min_tokens", "max_tokens", "max_completion_tokens"]);

interface Place {
  readonly target: TargetSpec;
  readonly endpoint: EndpointSpec;
  readonly endpoints: EndpointCatalog | undefined;
}

interface ModelQuestion extends Place {
  readonly model: string;
}

async function request(
  { target, endpoint, model, endpoints }: ModelQuestion,
  workerId: string,
  signal: AbortSignal,
): Promise<Answer> {
  const { endpoint: shape } = bodyOptionsOf(create(RunSpecSchema, { endpoint }), endpoints);
  const extraInputs = Object.fromEntries(Object.entries(endpoint.extraInputs ?? {}).filter(([name]) => !lengthInputs.has(name)));
  const asked = create(SendOneRequestSchema, {
    target,
    endpoint: { ...endpoint, extraInputs },
    model,
    turn: sampleTurn(shape, { maxOutputTokens: 1, inputTokens: 1 }),
  });
  const { record, url, headers } = await sendOne(asked, workerId, signal, endpoints);
  const { status, contentType, payload } = record;
  const parsed = shape.parse({ ...record, ...decodeReads(record.stamps) });
  const error = record.error ?? parsed.error;
  const isCall = contentType.startsWith(grpcContentType);
  return {
    method: "POST",
    url,
    status,
    contentType,
    words: error === undefined || status === 0 ? "" : isCall ? error.message : wordsOf(status, payload, headers.location ?? ""),
    ...(error === undefined ? {} : { error }),
  };
}

/** One question to the target outside any run's accounts, by the path that requests take; the controller judges the answer. */

import { create } from "@bufbuild/protobuf";
import { grpcContentType } from "../../endpoints/grpc-status.ts";
import { EndpointSpecSchema, RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type AskTarget, type TargetAnswer, TargetAnswerSchema } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { SendOneRequestSchema } from "../../gen/assay/worker/v1/worker_service_pb.js";
import { decodeReads } from "../common/chunk-stamps.ts";
import { AssayError } from "../common/errors.ts";
import { sampleTurn } from "../common/sample-turn.ts";
import { bodyOptionsOf } from "../common/turn-body.ts";
import { type Answer, askQuestion, type Place, wordsOf } from "./question.ts";
import type { PathExtras } from "./request-path.ts";
import { sendOne } from "./send-one.ts";

/**
 * Resolves with an answer whatever came of it.
 * @param endpoints default: the built-in ones
 * @throws `invalid_argument` for a question without target or limit
 */
export async function askTarget(
  command: AskTarget,
  workerId: string,
  signal: AbortSignal,
  extras: Pick<PathExtras, "endpoints" | "allowed"> = {},
): Promise<TargetAnswer> {
  const { endpoints, allowed } = extras;
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
      return create(TargetAnswerSchema, await askQuestion(asked, { target, endpoint, endpoints, allowed }, limitMs, signal));
    }
    case "call": {
      const { path, message } = question.value;
      const asked = { method: "POST", path, message: Buffer.from(message) } as const;
      return create(TargetAnswerSchema, await askQuestion(asked, { target, endpoint, endpoints, allowed }, limitMs, signal));
    }
    case "model":
      target.requestTimeoutSec = Math.min(target.requestTimeoutSec ?? Number.POSITIVE_INFINITY, limitMs / 1000);
      return create(
        TargetAnswerSchema,
        await request({ target, endpoint, model: question.value, endpoints, allowed }, workerId, signal),
      );
    default:
      throw new AssayError("invalid_argument", "question: needed");
  }
}

/** A target that refuses more tokens at least than at most would refuse this request for what it was asked on top. */
const lengthInputs: ReadonlySet<string> = new Set(["min_tokens", "max_tokens", "max_completion_tokens"]);

interface ModelQuestion extends Place {
  readonly model: string;
}

async function request(
  { target, endpoint, model, endpoints, allowed }: ModelQuestion,
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
  const { record, url, headers } = await sendOne(asked, workerId, signal, { endpoints, allowed });
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

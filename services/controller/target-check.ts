/**
 * Asks the target before the run: a probe that takes seconds, or waiting for the model for as long as the run says. What the
 * answers mean is decided in `core/target-probe.ts`.
 */
import { setTimeout as delay } from "node:timers/promises";
import { clone, create, toBinary } from "@bufbuild/protobuf";
import { createEndpoint } from "../../endpoints/catalog.ts";
import { requestPathOf } from "../../endpoints/endpoint.ts";
import type { ModelTensors } from "../../endpoints/kserve/model-tensors.ts";
import { modelsPathBeside, parseBaseUrl, pathBelow, shownUrl } from "../../endpoints/target-url.ts";
import {
  type EndpointSpec,
  EndpointSpecSchema,
  ModelTensorsSchema,
  type RunSpec,
  type TargetSpec,
  TargetSpecSchema,
  type TargetUrl,
} from "../../gen/assay/common/v1/run_spec_pb.js";
import {
  type AskTarget,
  AskTargetSchema,
  type GrpcCall,
  GrpcCallSchema,
  type TargetAnswer,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import { ModelMetadataRequestSchema } from "../../gen/inference/inference_service_pb.js";
import { longestTimerMs } from "../common/asked-ms.ts";
import { monotonicNs } from "../common/clock.ts";
import { AssayError } from "../common/errors.ts";
import { writeModelTensors } from "../common/model-tensors-wire.ts";
import { endpointOf, inputsOfBodies } from "../common/run-endpoint.ts";
import { secretsOf } from "../common/secrets.ts";
import { type CallPlan, knownTensors, nextCall } from "./core/call-probe.ts";
import { type Answer, nextStep, type ProbePlan, type Question, type Step } from "./core/target-probe.ts";

export interface TargetCheckOptions {
  /** Effective, secrets included. */
  readonly spec: RunSpec;
  /** Ends the wait; the run is over by itself then. */
  readonly over: AbortSignal;
  /** Has a worker ask. */
  ask(question: AskTarget): Promise<TargetAnswer>;
  /** Default: `TARGET_LIMITS`. */
  readonly limits?: TargetLimits | undefined;
  /** Something for the run's timeline: `waiting`, or `target` with what is worth knowing. */
  note(kind: "waiting" | "target", message: string): void;
}

/** Longest that an answer may take, in ms. */
export interface TargetLimits {
  /** Of a list, which takes no computing. */
  readonly listMs: number;
  /** Of a GET of the requests' path: without an answer the run goes on. */
  readonly pathMs: number;
  /** Of a request, which may have to wait for others. */
  readonly requestMs: number;
  /** Of a request while the model is waited for: its first answer may have to wait for its code to be compiled. */
  readonly awaitedRequestMs: number;
}

export const TARGET_LIMITS: TargetLimits = { listMs: 4_000, pathMs: 2_000, requestMs: 5_000, awaitedRequestMs: 30_000 };

/** The last try before a wait is over gets at least so long. */
const leastMs = 1_000;

/** Resolves when the target can be used, with what its models are, where the endpoint needs that. Rejects with `failed_precondition` saying what was asked, what came of it, and what to try. */
export async function checkTarget(options: TargetCheckOptions): Promise<readonly ModelTensors[]> {
  const { target } = options.spec;
  if (target === undefined || target.noProbe) return [];
  const found = await Promise.all(target.urls.map((url) => checkUrl(options, target, url)));
  const [first = []] = found;
  const other = found.findIndex((models) => JSON.stringify(models) !== JSON.stringify(first));
  const [one, another] = [target.urls[0], target.urls[other]];
  if (one === undefined || another === undefined) return first;
  throw new AssayError("failed_precondition", `models have other tensors at ${shownBase(another)} than at ${shownBase(one)}`);
}

async function checkUrl(options: TargetCheckOptions, target: TargetSpec, url: TargetUrl): Promise<readonly ModelTensors[]> {
  const { over, note } = options;
  const { timeoutSec = 0, intervalSec = 0 } = target.waitForModel ?? {};
  const plan = planOf(options, target, url);
  const startNs = monotonicNs();
  for (;;) {
    const beforeSec = (monotonicNs() - startNs) / 1e9;
    const step = await attempt(options, target, url, { plan, leftMs: (timeoutSec - beforeSec) * 1000 });
    if (over.aborted) return [];
    if (step.kind === "passed") {
      for (const warning of step.warnings) note("target", warning);
      return step.modelTensors ?? [];
    }
    const elapsedSec = (monotonicNs() - startNs) / 1e9;
    const words = step.hint === "" ? step.message : `${step.message}; ${step.hint}`;
    if (timeoutSec === 0 || step.isLasting) throw new AssayError("failed_precondition", words);
    if (elapsedSec >= timeoutSec) {
      throw new AssayError("failed_precondition", `the model is not there after ${timeoutSec} s, last answer: ${words}`);
    }
    note(
      "waiting",
      `waiting for the model at ${shownBase(url)}, ${Math.round(elapsedSec)} s of ${timeoutSec} s: ${step.message}`,
    );
    const waitMs = Math.min(1000 * Math.min(intervalSec, timeoutSec - elapsedSec), longestTimerMs);
    await delay(waitMs, undefined, { signal: over }).catch(() => {});
  }
}

type Plan = ProbePlan & ({ readonly isCalled: false } | (CallPlan & { readonly isCalled: true }));

function planOf({ spec }: TargetCheckOptions, target: TargetSpec, url: TargetUrl): Plan {
  const plan = probePlanOf(spec, target, url);
  const { type = "", streaming: isStreaming = false } = spec.endpoint ?? {};
  const endpoint = createEndpoint(type);
  if (endpoint?.protocol !== "grpc") return { ...plan, isCalled: false };
  const { needsModelTensors: needsTensors = false } = endpoint;
  const sample: CallPlan["sample"] = (model, tensors) => sampleOf(spec, model, tensors);
  return { ...plan, isCalled: true, endpointType: type, isStreaming, needsTensors, sample };
}

function sampleOf(spec: RunSpec, model: string, tensors: ModelTensors | undefined): Uint8Array | undefined {
  const { endpoint: given } = spec;
  const endpoint = endpointOf(withTensors(given, tensors === undefined ? [] : [tensors]));
  const hasLength = endpoint.needsModelTensors !== true || asksLengths(spec);
  try {
    return endpoint.formatBody({
      model,
      messages: [{ role: "user", content: "Hello" }],
      maxOutputTokens: hasLength ? 1 : undefined,
      isStreaming: given?.streaming ?? false,
      extraInputs: inputsOfBodies(given),
    });
  } catch (error) {
    if (endpoint.needsModelTensors === true) throw error;
    return undefined;
  }
}

/** Whether requests ask for an output length, as far as it is known: rows of a file may. */
function asksLengths({ dataset }: RunSpec): boolean {
  if (dataset?.source.case !== "synthetic") return true;
  const { outputTokens, lengthMix } = dataset.source.value;
  return outputTokens !== undefined || lengthMix.some((pair) => pair.outputTokens !== undefined);
}

function withTensors(given: EndpointSpec | undefined, models: readonly ModelTensors[]): EndpointSpec {
  const endpoint = given === undefined ? create(EndpointSpecSchema) : clone(EndpointSpecSchema, given);
  endpoint.modelTensors = models.map((model) => create(ModelTensorsSchema, writeModelTensors(model)));
  return endpoint;
}

/** The spec of a run whose endpoint is told what the models are. */
export function withModelTensors(spec: RunSpec, models: readonly ModelTensors[]): RunSpec {
  if (models.length === 0) return spec;
  return { ...spec, endpoint: withTensors(spec.endpoint, models) };
}

function probePlanOf(spec: RunSpec, target: TargetSpec, url: TargetUrl): ProbePlan {
  const { timeoutSec = 0, mode = "" } = target.waitForModel ?? {};
  return {
    models: spec.models,
    mode: timeoutSec > 0 ? modeOf(mode) : "probe",
    hasList: listPath(spec, url) !== undefined,
    isPathGiven: (spec.endpoint?.path ?? "") !== "",
    modelVersion: spec.endpoint?.modelVersion ?? "",
    hasCredentials: target.apiKey !== "" || Object.keys(target.headers).length > 0,
  };
}

/** Without a query, which may hold a key. */
function shownBase({ url }: TargetUrl): string {
  const base = parseBaseUrl(url);
  return base === undefined ? url : shownUrl(base, base.pathname.replace(/\/$/, ""));
}

function modeOf(mode: string): "models" | "inference" | "both" {
  return mode === "models" || mode === "both" ? mode : "inference";
}

/** Undefined where the run names no endpoint that there is. */
function requestPath({ endpoint }: RunSpec, { url }: TargetUrl): string | undefined {
  const base = parseBaseUrl(url);
  const { path = "", type = "", streaming = false, modelVersion = "" } = endpoint ?? {};
  const known = createEndpoint(type, { modelVersion });
  const own = path === "" ? known && requestPathOf(known, streaming) : path;
  return base === undefined || own === undefined ? undefined : pathBelow(base, own);
}

function listPath(spec: RunSpec, url: TargetUrl): string | undefined {
  const path = requestPath(spec, url);
  return path === undefined ? undefined : modelsPathBeside(path);
}

/** One round of questions, to a step that asks no more. */
async function attempt(
  options: TargetCheckOptions,
  target: TargetSpec,
  url: TargetUrl,
  { plan, leftMs }: { readonly plan: Plan; readonly leftMs: number },
): Promise<Exclude<Step, { kind: "ask" }>> {
  const answers: Answer[] = [];
  const one = clone(TargetSpecSchema, target);
  one.urls = [url];
  for (;;) {
    const step = plan.isCalled ? nextCall(plan, answers) : nextStep(plan, answers);
    if (step.kind !== "ask") return step;
    const { question } = step;
    const longestMs = longestOf(question, plan, options.limits ?? TARGET_LIMITS);
    const limitMs = Math.ceil(plan.mode === "probe" ? longestMs : Math.min(longestMs, Math.max(leastMs, leftMs)));
    const asked = create(AskTargetSchema, {
      target: one,
      endpoint: withTensors(options.spec.endpoint, plan.isCalled ? knownTensors(plan, answers) : []),
      question: wireQuestion(options, url, question),
      limitMs,
    });
    answers.push(await answerTo(options, question, asked));
  }
}

function longestOf({ kind }: Question, { mode }: ProbePlan, limits: TargetLimits): number {
  if (kind === "path") return limits.pathMs;
  if (kind !== "request") return limits.listMs;
  return mode === "probe" ? limits.requestMs : limits.awaitedRequestMs;
}

function wireQuestion({ spec }: TargetCheckOptions, url: TargetUrl, question: Question): AskTarget["question"] {
  switch (question.kind) {
    case "list":
      return { case: "getPath", value: listPath(spec, url) ?? "/" };
    case "path":
      return { case: "getPath", value: requestPath(spec, url) ?? "/" };
    case "base":
      return { case: "getPath", value: parseBaseUrl(url.url)?.pathname ?? "/" };
    case "request":
      return { case: "model", value: question.model };
    case "call":
      return { case: "call", value: callOf(question.method, question.model, spec.endpoint?.modelVersion) };
  }
}

const service = "/inference.GRPCInferenceService";

/** Of the server, and not of one of its models. */
const ofServer: ReadonlySet<string> = new Set(["RepositoryIndex", "ServerMetadata"]);

/** Requests about a model all say the same. */
function callOf(method: string, name: string, version = ""): GrpcCall {
  const message = ofServer.has(method)
    ? new Uint8Array()
    : toBinary(ModelMetadataRequestSchema, create(ModelMetadataRequestSchema, { name, version }));
  return create(GrpcCallSchema, { path: `${service}/${method}`, message });
}

/** Has it asked; the answer as it is judged. Where the target says the run's secrets back, they are taken out. */
export async function answerTo({ spec, ask }: TargetCheckOptions, question: Question, asked: AskTarget): Promise<Answer> {
  const { method, url, status, error, contentType, words, isModelList, models, message } = await ask(asked);
  const secrets = secretsOf(spec);
  return {
    question,
    method,
    url,
    status,
    error: error === undefined ? undefined : { ...error, message: secrets.mask(error.message) },
    contentType,
    words: secrets.mask(words),
    models: isModelList ? models : undefined,
    message,
  };
}

/**
 * Whether a run can work against its target, from what the target answers to a question or two: answers in, the next question or
 * the verdict out. Pure; `target-check.ts` asks.
 *
 * Nothing that would have worked may fail here. So the list of models and a GET of the requests' path, which cost the target
 * nothing, settle only what they can settle; what they leave open is asked by one request for one token, and what that leaves open
 * becomes a warning.
 */
import type { ModelTensors } from "../../../endpoints/kserve/model-tensors.ts";
import { refusalStatus } from "../../../endpoints/proxy.ts";
import { nearest } from "../../common/nearest.ts";

export type Question =
  | { readonly kind: "list" }
  /** The path of the requests, by GET. Some targets list their models to everybody; that they want a key shows here. */
  | { readonly kind: "path" }
  /** The target's base URL: whether there is anybody. */
  | { readonly kind: "base" }
  | { readonly kind: "request"; readonly model: string }
  /** Of KServe's inference service, about a model. */
  | {
      readonly kind: "call";
      readonly method: "ModelMetadata" | "ModelReady" | "ModelConfig" | "RepositoryIndex" | "ServerMetadata";
      readonly model: string;
    };

/** What came of one question. */
export interface Answer {
  readonly question: Question;
  /** `GET` or `POST`. */
  readonly method: string;
  readonly url: string;
  /** HTTP status; 0: none came. */
  readonly status: number;
  /** As failed requests have it; undefined: answered. */
  readonly error: { readonly code: string; readonly phase: string; readonly message: string } | undefined;
  readonly contentType: string;
  /** What the body says, in one line. */
  readonly words: string;
  /** Names of models; undefined: the body is no list of them. */
  readonly models: readonly string[] | undefined;
  /** Of a call, serialised; empty of others, and where none came. */
  readonly message: Uint8Array;
}

export interface ProbePlan {
  /** At least one. */
  readonly models: readonly string[];
  /** `probe`: as little as settles it. The others are what a run waits for, as `WaitForModel.mode` says. */
  readonly mode: "probe" | "models" | "inference" | "both";
  /** The target's paths have the form of a family that has a list. */
  readonly hasList: boolean;
  /** The run names the path of its requests itself: the list tells nothing of it. */
  readonly isPathGiven: boolean;
  /** Of every model; empty: the run names none. */
  readonly modelVersion: string;
  /** The run carries a key or headers. */
  readonly hasCredentials: boolean;
}

export type Step =
  | { readonly kind: "ask"; readonly question: Question }
  /** `modelTensors`: what was found out of them, where the endpoint needs it. */
  | { readonly kind: "passed"; readonly warnings: readonly string[]; readonly modelTensors?: readonly ModelTensors[] }
  | Failure;

export interface Failure {
  readonly kind: "failed";
  /** What was asked and what came of it, in one line. */
  readonly message: string;
  /** What to try; empty: nothing comes to mind. */
  readonly hint: string;
  /** Time does not mend it: whoever waits need not go on. */
  readonly isLasting: boolean;
}

/** What to do after these answers, in the order in which they were asked for. Asks no question twice. */
export function nextStep(plan: ProbePlan, answers: readonly Answer[]): Step {
  const list = answers.find(({ question }) => question.kind === "list");
  if (plan.mode !== "inference" && plan.hasList && list === undefined) return { kind: "ask", question: { kind: "list" } };
  const isWaiting = plan.mode === "models" || plan.mode === "both";
  const listed = list === undefined ? undefined : isWaiting ? judgeAwaited(plan, list, answers) : judgeList(plan, list, answers);
  if (listed !== undefined) return listed;
  // A list without a name tells nothing, except that there is one.
  const missing = list?.models === undefined || list.models.length === 0 ? [] : missingOf(plan, list.models);
  const warnings: string[] = [];
  for (const model of plan.mode !== "probe" ? plan.models : missing.length > 0 ? missing : plan.models.slice(0, 1)) {
    const answer = answers.find(({ question }) => question.kind === "request" && question.model === model);
    if (answer === undefined) return { kind: "ask", question: { kind: "request", model } };
    const judged = judgeRequest(plan, answer, { list, isMissing: missing.includes(model), model });
    if (typeof judged === "object") return judged;
    if (judged !== "") warnings.push(judged);
  }
  return { kind: "passed", warnings };
}

/** Undefined: it leaves something open that a request can settle. */
function judgeList(plan: ProbePlan, list: Answer, answers: readonly Answer[]): Step | undefined {
  if (list.error !== undefined && isUnreachable(list)) return unreachable(plan, list);
  const isListed = list.models !== undefined && list.models.length > 0 && missingOf(plan, list.models).length === 0;
  if (!isListed || plan.isPathGiven) return undefined;
  const path = answers.find(({ question }) => question.kind === "path");
  if (path === undefined) return { kind: "ask", question: { kind: "path" } };
  // Any other answer to a GET of what wants a POST tells nothing.
  return isLocked(path.status) ? undefined : { kind: "passed", warnings: [] };
}

/** The list as something to wait for. Undefined: it is there, and inference is wanted, too. */
function judgeAwaited(plan: ProbePlan, list: Answer, answers: readonly Answer[]): Step | undefined {
  if (list.error !== undefined) return unreachable(plan, list);
  if (list.models !== undefined) {
    const [model] = missingOf(plan, list.models);
    if (model !== undefined) return failure(list, `does not list ${model}`, modelHint(model, list.models));
    return plan.mode === "both" ? undefined : { kind: "passed", warnings: [] };
  }
  if (!hasNoSuchPath(list.status)) return refused(plan, list);
  if (plan.mode === "both") return undefined;
  const base = answers.find(({ question }) => question.kind === "base");
  if (base === undefined) return { kind: "ask", question: { kind: "base" } };
  if (base.error !== undefined) return unreachable(plan, base);
  if (!isGood(base.status)) return refused(plan, base);
  return { kind: "passed", warnings: [`${described(list)}: it has no list of models; that it answers is all that is known`] };
}

/** Text: passed, with that warning; empty: without. */
function judgeRequest(
  plan: ProbePlan,
  answer: Answer,
  { list, isMissing, model }: { list: Answer | undefined; isMissing: boolean; model: string },
): Failure | string {
  const { error, status } = answer;
  const names = list?.models ?? [];
  // One token may be no text.
  if (error === undefined || error.code === "empty") {
    return isMissing ? `${list?.url} does not list ${model} (${shownNames(names)}), yet a request for it was answered` : "";
  }
  if (error.code === "cancelled") return "";
  // Of a user's own endpoint: the request never got to the target.
  if (error.code === "endpoint_module") return `${described(answer)}; the requests of the run may fare no better`;
  if (status === 0) {
    const isHeard = list !== undefined && list.status > 0;
    if (isSilent(error.code) && isHeard) return `${described(answer)}: whether requests work is not known`;
    return unreachable(plan, answer);
  }
  if (isMissing && isAboutModel(answer, model)) {
    const orPath = plan.isPathGiven ? "; or is the path of --endpoint wrong?" : "";
    return failure(answer, undefined, modelHint(model, names) + orPath);
  }
  if (plan.modelVersion !== "" && isAboutModel(answer, model)) {
    return failure(answer, undefined, "is the model's name right, and --model-version?");
  }
  const isHopeless = isLocked(status) || hasNoSuchPath(status) || status >= 500 || (status >= 300 && status < 400);
  if (isHopeless || error.code === "parse") return refused(plan, answer);
  return `${described(answer)}; the requests of the run may fare no better`;
}

/** Failures that say at once that requests cannot get through. */
function isUnreachable({ error, status }: Answer): boolean {
  return error !== undefined && status === 0 && !isSilent(error.code) && error.code !== "reset" && error.code !== "cancelled";
}

function isSilent(code: string): boolean {
  return code === "request_timeout" || code === "first_byte_timeout" || code === "idle_timeout";
}

function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

function isLocked(status: number): boolean {
  return status === 401 || status === 403;
}

/** 404, 405, 501: nothing of this kind is there. */
function hasNoSuchPath(status: number): boolean {
  return status === 404 || status === 405 || status === 501;
}

/** Servers say 404 of a model that they do not have, some proxies 400. */
function isAboutModel({ status, words }: Answer, model: string): boolean {
  const isNamed = /\bmodel\b/i.test(words) || words.split(/[^\w./:-]+/).includes(model);
  return status === 404 || ((status === 400 || status === 422) && isNamed);
}

function missingOf({ models }: ProbePlan, listed: readonly string[]): string[] {
  return models.filter((model) => !listed.includes(model));
}

/** Nobody can be asked there. */
export function unreachable(plan: ProbePlan, answer: Answer): Failure {
  const { error } = answer;
  const code = isSilent(error?.code ?? "") && error?.phase === "connect" ? "connect_timeout" : (error?.code ?? "");
  const isLasting = code === "tls" || code === "parse" || code === "unsendable" || isProxyFirm(error);
  return { ...failure(answer, undefined, unreachableHint(code, answer, waitHint(plan))), isLasting };
}

function unreachableHint(code: string, { url, error }: Answer, wait: string): string {
  switch (code) {
    case "connect_refused":
      return `is the server running, and is the port right?${wait}`;
    case "connect_timeout":
    case "connect_failed":
      if (url.startsWith("grpc") && code === "connect_failed")
        return "is the address right, and is it the port of gRPC (Triton's is 8001)?";
      return `is the address right, can it be reached from here${url.startsWith("https:") ? ", and is it spoken to in TLS" : ""}?`;
    case "name_resolution":
      return "is the host name right?";
    case "proxy_unreachable":
      return `is the URL of --proxy right, and is the proxy running?${wait}`;
    case "proxy_refused":
      return proxyHint(error, wait);
    case "tls":
      return error?.message.includes("wrong version number")
        ? `does the server speak ${url.startsWith("grpc") ? "grpc" : "http"}:// at this port?`
        : "target.tls of the run says which certificates to trust";
    case "parse":
      return "something answers there, but not in HTTP/1.1: is it the port of gRPC, of https:// or of another service?";
    case "reset":
      return "it cuts connections: does it speak https:// or another protocol at this port?";
    case "request_timeout":
    case "first_byte_timeout":
    case "idle_timeout":
      return `it takes connections and does not answer: is it an HTTP server, and is it up?${wait}`;
    default:
      return "";
  }
}

function proxyHint(error: Answer["error"], wait: string): string {
  const status = error === undefined ? undefined : refusalStatus(error);
  if (status === 407) return "are user and password right in --proxy http://USER:PASSWORD@HOST:PORT?";
  if (!isProxyFirm(error)) return `can the proxy reach the target?${wait}`;
  return "does the proxy take CONNECT, and to this host and port?";
}

/** A proxy has refused for what time does not mend: not because it did not get through to the target. */
function isProxyFirm(error: Answer["error"]): boolean {
  const status = error === undefined ? undefined : refusalStatus(error);
  return status !== undefined && (status < 500 || status === 501);
}

function refused(plan: ProbePlan, answer: Answer): Failure {
  const { status } = answer;
  return { ...failure(answer, undefined, refusedHint(plan, answer)), isLasting: isLocked(status) };
}

function refusedHint(plan: ProbePlan, { status, question }: Answer): string {
  if (isLocked(status)) {
    return plan.hasCredentials ? "is the key right, and may it use this model?" : "give a key with --api-key or a header with -H";
  }
  if (hasNoSuchPath(status) && question.kind === "request") {
    return `is the model's name right, and the path? --url, --endpoint-type and --endpoint make it`;
  }
  if (status >= 500) return `is the model loaded?${waitHint(plan)}`;
  if (status >= 300 && status < 400) return "redirects are not followed: give the URL behind it";
  if (isGood(status)) return "that is no answer of this API: is the URL that of the inference server?";
  return "";
}

/** How to wait for what is not there yet; empty: the run does. */
export function waitHint({ mode }: ProbePlan): string {
  return mode === "probe" ? " --wait-for-model-timeout SEC waits for it" : "";
}

function failure(answer: Answer, what: string | undefined, hint: string): Failure {
  return { kind: "failed", message: described(answer, what), hint, isLasting: false };
}

/** What was asked and what came of it: `POST http://h:1/v1/chat/completions: status 404: The model does not exist`. */
export function described({ method, url, status, error, words, contentType }: Answer, what?: string): string {
  if (what !== undefined) return `${method} ${url} ${what}`;
  // OpenSSL's messages end with a line break.
  if (status === 0 || error?.code.startsWith("grpc_") === true)
    return `${method} ${url}: ${error?.code}: ${error?.message.replaceAll(/\s+/g, " ").trim()}`;
  const kind = isGood(status) && contentType !== "" ? ` (${contentType})` : "";
  return `${method} ${url}: status ${status}${kind}${words === "" ? "" : `: ${words}`}`;
}

const shownModels = 8;

function shownNames(names: readonly string[]): string {
  const more = names.length - shownModels;
  return names.length === 0 ? "it lists none" : `${names.slice(0, shownModels).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** What is there in place of a model. */
export function modelHint(model: string, listed: readonly string[]): string {
  const meant = likelyModel(model, listed);
  const question = meant === undefined ? "" : `did you mean ${meant}? `;
  return `${question}it lists: ${listed.length === 0 ? "nothing" : shownNames(listed)}`;
}

/** Names are often given without their owner, or without their folder. */
function likelyModel(model: string, listed: readonly string[]): string | undefined {
  const wanted = lastPart(model);
  return listed.find((name) => lastPart(name) === wanted) ?? nearest(model, listed);
}

function lastPart(name: string): string {
  return (name.split("/").at(-1) ?? name).toLowerCase();
}

/** What is served, whatever the port: routes, keys, answers, pages, counts. */
import { monotonicNs } from "../services/common/clock.ts";
import type { AnswerStats } from "./answers/answer.ts";
import { Answers } from "./answers/answers.ts";
import { HttpRecipient } from "./answers/http-recipient.ts";
import { PrefixCache } from "./answers/prefix-cache.ts";
import type { Connection, Route } from "./http/connection.ts";
import type { HttpRequest } from "./http/request-parser.ts";
import type { WallSeconds } from "./http/wall-seconds.ts";
import type { MockOptions } from "./options.ts";
import { DcgmModel } from "./pages/dcgm.ts";
import { type DeployedCounts, tritonPage } from "./pages/triton.ts";
import { vllmPage } from "./pages/vllm.ts";
import { asciiJson } from "./text/ascii-json.ts";
import { chat } from "./text/chat.ts";
import { completions } from "./text/completions.ts";
import { embeddings } from "./text/embeddings.ts";
import type { MockEndpoint } from "./text/endpoint.ts";
import { images } from "./text/images.ts";
import {
  detection,
  edits,
  formJson,
  jobJson,
  speech,
  speechRequest,
  transcription,
  videoBytes,
  videoPaths,
  videos,
} from "./text/media.ts";
import { messages } from "./text/messages.ts";
import { ollamaChat, ollamaGenerate, ollamaRequest } from "./text/ollama.ts";
import { cohereRankings, nimRankings, teiRankings } from "./text/rankings.ts";
import { errorBody, isRefusal, type Refusal, refusal, unauthorized, unknownModel } from "./text/refusal.ts";
import { type ReadDeps, readJson, readTextRequest } from "./text/request.ts";
import { responses } from "./text/responses.ts";
import { type MockRoute, routeTo } from "./text/route.ts";
import { sglang, sglangRequest } from "./text/sglang.ts";
import { solido, solidoRequest } from "./text/solido.ts";
import { tgi, tgiRequest } from "./text/tgi.ts";
import { modelPaths, tritonGenerate, tritonInfer, tritonRequest } from "./text/triton.ts";

export interface SiteStats extends Readonly<AnswerStats> {
  /** Requests answered with a status of 400 or above, failures on purpose not counted. */
  readonly refused: number;
}

const json = "application/json";
const prometheusText = "text/plain; version=0.0.4; charset=utf-8";
const modelPath = "/v1/models/";
/** Text Generation Inference and SGLang have the same path. */
const generate: MockRoute = {
  endpointOf: (json) => ("inputs" in json ? tgi : sglang),
  adapt: (json) => ("inputs" in json ? tgiRequest(json, false) : sglangRequest(json)),
};
const routes: ReadonlyMap<string, MockRoute> = new Map([
  ["/v1/chat/completions", routeTo(chat)],
  ["/v1/completions", routeTo(completions)],
  ["/v1/responses", routeTo(responses)],
  ["/v1/messages", routeTo(messages)],
  ["/v1/embeddings", routeTo(embeddings)],
  ["/v1/ranking", routeTo(nimRankings)],
  ["/v2/rerank", routeTo(cohereRankings)],
  ["/v1/rerank", routeTo(cohereRankings)],
  ["/rerank", routeTo(teiRankings)],
  ["/v1/images/generations", routeTo(images)],
  ["/v1/images/edits", routeTo(edits)],
  ["/v1/infer", routeTo(detection)],
  ["/v1/audio/transcriptions", routeTo(transcription)],
  ["/v1/audio/speech", routeTo(speech, speechRequest)],
  ["/v1/videos", routeTo(videos)],
  ["/generate", generate],
  ["/generate_stream", routeTo(tgi, (json) => tgiRequest(json, true))],
  ["/api/chat", routeTo(ollamaChat, ollamaRequest)],
  ["/api/generate", routeTo(ollamaGenerate, ollamaRequest)],
  ["/rag/api/prompt", routeTo(solido, solidoRequest)],
]);

/** What is at a path, those of a model included. */
function routeOf(path: string): MockRoute | undefined {
  const [, model, version, action] = modelPaths.exec(path) ?? [];
  if (model === undefined || action === undefined) return routes.get(path);
  const endpoint = action === "infer" ? tritonInfer : tritonGenerate;
  return routeTo(endpoint, (json) => tritonRequest(json, { model: decoded(model), version, action }));
}

/** Jobs that have been asked for once; the oldest is forgotten beyond. */
const maxSeenJobs = 65_536;

export class Site {
  readonly #options: MockOptions;
  readonly #models: readonly [string, ...string[]];
  readonly answers: Answers;
  readonly #reading: ReadDeps;
  readonly #keys: ReadonlySet<string>;
  readonly #dcgm: DcgmModel;
  readonly #startSec: number;
  readonly #openConnections: () => number;
  readonly #seenJobs = new Set<string>();
  readonly #cache: PrefixCache | undefined;
  #deployed: readonly DeployedCounts[] = [];
  #refused = 0;

  constructor(options: MockOptions, wall: WallSeconds, openConnections: () => number) {
    const [first = "mock", ...others] = options.models;
    this.#options = options;
    this.#models = [first, ...others];
    this.#startSec = wall.sec();
    this.#openConnections = openConnections;
    this.answers = new Answers({ options, now: monotonicNs, createdSec: () => wall.sec() }, this.#models);
    const cache = options.prefixCache ? new PrefixCache(options.kvCacheTokens) : undefined;
    this.#cache = cache;
    this.#reading = {
      usage: options.usage,
      models: options.models,
      ownLength: () => this.answers.nextLength(),
      cachedTokens: cache && ((texts) => cache.admit(texts)),
    };
    this.#keys = new Set(options.apiKeys);
    this.#dcgm = new DcgmModel({
      gpuCount: options.gpus,
      startNs: monotonicNs(),
      intervalNs: options.dcgmIntervalMs * 1e6,
      lostAfterNs: nsOf(options.dcgmLoseGpuSec),
      resetAfterNs: nsOf(options.dcgmResetSec),
    });
  }

  readonly route: Route = (request, connection) => {
    const { path } = request;
    if (path.startsWith("/v1/") && !this.hasKey(request)) {
      const why = unauthorized(request.authorization !== undefined || request.apiKey !== undefined);
      return this.#refuse(why, connection, "www-authenticate: Bearer\r\n");
    }
    const route = routeOf(path);
    if (route !== undefined) return this.#answer(route, request, connection);
    const [, job, content] = videoPaths.exec(path) ?? [];
    if (job !== undefined) return this.#answerJob(job, content !== undefined, request, connection);
    switch (path) {
      case "/v1/models":
        return this.#get(request, connection, json, () => asciiJson({ object: "list", data: this.#models.map(this.#modelOf) }));
      case "/health":
        return this.#get(request, connection, json, () => '{"status":"ok"}');
      case "/stats":
        return this.#get(request, connection, json, () => this.#statsBody());
      case "/metrics":
        return this.#get(request, connection, prometheusText, () => vllmPage(this.answers.meters, this.#options));
      case "/reset_prefix_cache":
      case "/flush_cache":
        return this.#resetCache(request, connection);
      case "/dcgm/metrics":
        return this.#get(request, connection, prometheusText, () => this.#dcgmPage());
      case "/triton/metrics":
        return this.#get(request, connection, prometheusText, () => tritonPage(this.#deployed));
      default:
        return this.#routeModel(request, connection);
    }
  };

  /** The routes of a port for the DCGM page alone. */
  readonly routeDcgm: Route = (request, connection) => this.#routePage(request, connection, () => this.#dcgmPage());

  /** The routes of a port for the page of what is served over gRPC alone. */
  readonly routeTriton: Route = (request, connection) => this.#routePage(request, connection, () => tritonPage(this.#deployed));

  /** Models of the gRPC port, whose counts `/triton/metrics` shows. */
  serves(models: readonly DeployedCounts[]): void {
    this.#deployed = models;
  }

  /** The body of the answer to bytes that are no acceptable request. */
  faultBody(status: number, message: string): string {
    this.#refused++;
    return errorBody(refusal(status, message));
  }

  stats(): SiteStats {
    return { ...this.answers.stats, failures: { ...this.answers.stats.failures }, refused: this.#refused };
  }

  /** Looks prompts up in the prefix cache and remembers them; `undefined` without one. */
  get cachedTokens(): ReadDeps["cachedTokens"] {
    return this.#reading.cachedTokens;
  }

  /** Counts a request that was refused elsewhere. */
  readonly refused = (): void => {
    this.#refused++;
  };

  /** To be called when no connection is left. */
  stop(): void {
    this.answers.schedule.stop();
  }

  /** Who asks for the first time is told that it goes on, and then that it is over. */
  #answerJob(id: string, isContent: boolean, request: HttpRequest, connection: Connection): void {
    if (isContent) {
      this.#get(request, connection, "video/mp4", () => videoBytes);
      return;
    }
    const isOver = this.#seenJobs.delete(id);
    if (!isOver) this.#seenJobs.add(id);
    const [oldest] = this.#seenJobs;
    if (this.#seenJobs.size > maxSeenJobs && oldest !== undefined) this.#seenJobs.delete(oldest);
    this.#get(request, connection, json, () => jobJson(id, isOver ? "completed" : "in_progress", undefined));
  }

  #answer(route: MockRoute, request: HttpRequest, connection: Connection): void {
    if (request.method !== "POST") {
      this.#refuseMethod(request.method, "POST", connection);
      return;
    }
    const form = formJson(request.body);
    const body = form === undefined ? readJson(request.body.toString()) : { json: form };
    if (isRefusal(body)) {
      this.#refuse(body, connection, "", route.endpointOf({}));
      return;
    }
    const endpoint = route.endpointOf(body.json);
    const read = readTextRequest(endpoint, route.adapt?.(body.json) ?? body.json, this.#reading);
    if (isRefusal(read)) this.#refuse(read, connection, "", endpoint);
    // A chunked body is not for HTTP/1.0 (RFC 9112 §6.1).
    else if (read.isStreaming && request.minor === 0) this.#refuse(refusal(400, "streaming needs HTTP/1.1"), connection);
    else this.answers.begin(read, new HttpRecipient(connection, read, this.#options.retryAfterSec));
  }

  #resetCache({ method }: HttpRequest, connection: Connection): void {
    if (method !== "POST") {
      this.#refuseMethod(method, "POST", connection);
      return;
    }
    this.#cache?.clear();
    connection.answer(200, json, "");
  }

  #routePage(request: HttpRequest, connection: Connection, page: () => string): void {
    if (request.path === "/metrics") this.#get(request, connection, prometheusText, page);
    else this.#refuse(nothingAt(request.path), connection);
  }

  #routeModel(request: HttpRequest, connection: Connection): void {
    const { path } = request;
    const name = path.startsWith(modelPath) ? decoded(path.slice(modelPath.length)) : undefined;
    if (name === undefined) this.#refuse(nothingAt(path), connection);
    else if (!this.#models.includes(name)) this.#refuse(unknownModel(name), connection);
    else this.#get(request, connection, json, () => asciiJson(this.#modelOf(name)));
  }

  readonly #modelOf = (id: string): object => ({ id, object: "model", created: this.#startSec, owned_by: "assay" });

  /** Whether a request shows one of the keys, where any is asked for. */
  hasKey({ authorization = "", apiKey }: Pick<HttpRequest, "authorization" | "apiKey">): boolean {
    if (this.#keys.size === 0) return true;
    const key = /^bearer +(.*)$/i.exec(authorization)?.[1] ?? apiKey;
    return key !== undefined && this.#keys.has(key);
  }

  #statsBody(): string {
    const { user, system } = process.cpuUsage();
    const openConnections = this.#openConnections();
    const rssBytes = process.memoryUsage.rss();
    return asciiJson({ ...this.stats(), openConnections, cpuUserUs: user, cpuSystemUs: system, rssBytes });
  }

  #dcgmPage(): string {
    const nowNs = monotonicNs();
    const { requests, chunksWritten: chunks } = this.answers.stats;
    return this.#dcgm.page(nowNs, { busyNs: this.answers.settle(nowNs), requests, chunks });
  }

  #get({ method }: HttpRequest, connection: Connection, type: string, body: () => string): void {
    if (method === "GET") connection.answer(200, type, body());
    else this.#refuseMethod(method, "GET", connection);
  }

  #refuseMethod(method: string, allowed: string, connection: Connection): void {
    this.#refuse(refusal(405, `${method} is not allowed here, ${allowed} is`), connection, `allow: ${allowed}\r\n`);
  }

  #refuse(why: Refusal, connection: Connection, headers = "", said: Pick<MockEndpoint, "errorBody"> = { errorBody }): void {
    this.#refused++;
    connection.answer(why.status, json, said.errorBody(why), headers);
  }
}

function nsOf(sec: number | null): number | undefined {
  return sec === null ? undefined : sec * 1e9;
}

function nothingAt(path: string): Refusal {
  return refusal(404, `there is nothing at ${path}`, null, "not_found");
}

/** A path's part as a name; as it stands if it is not well encoded. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

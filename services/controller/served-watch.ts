/**
 * Reads a target's own statistics at the borders of a run's phases, through a worker. A border is crossed while no request is on its way,
 * so that reading disturbs none; phases that overlap have no border, and no statistics. A server that has none (KServe's own, MLServer) is
 * asked once.
 */
import { setTimeout as delay } from "node:timers/promises";
import { clone, create, fromBinary } from "@bufbuild/protobuf";
import { createEndpoint } from "../../endpoints/catalog.ts";
import { parseBaseUrl, shownUrl } from "../../endpoints/target-url.ts";
import { type RunSpec, type TargetSpec, TargetSpecSchema, type TargetUrl } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type AskTarget, AskTargetSchema, type TargetAnswer } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { ModelStatisticsResponseSchema } from "../../gen/inference/inference_service_pb.js";
import type { ModelStatistics } from "../../gen/inference/statistics_pb.js";
import { messageOf } from "../common/errors.ts";
import { secretsOf } from "../common/secrets.ts";
import { within } from "../common/within.ts";
import { isSettled, type ServedModelInit, servedBetween } from "./core/served-models.ts";

export interface ServedWatchOptions {
  /** Effective, secrets included. */
  readonly spec: RunSpec;
  /** Has a worker ask, once there is one. */
  ask(question: AskTarget): Promise<TargetAnswer>;
  /** How long an answer is waited for, with the worker that asks. Default: 8000. */
  readonly patienceMs?: number;
  /** What a phase's models did. */
  served(models: readonly ServedModelInit[]): void;
  /** Something for the run's timeline. */
  note(message: string): void;
}

const path = "/inference.GRPCInferenceService/ModelStatistics";
/** Longest that one answer may take: a phase waits for it. */
const limitMs = 2_000;
/** A run whose workers are all gone ends without. */
const defaultPatienceMs = 8_000;
/** A server counts a request a moment after its answer has left: it is asked again until nothing changes, so often at most. */
const settleMs = 50;
const mostReadings = 10;

/** By the URL's index; undefined: it does not say. */
type Readings = readonly (readonly ModelStatistics[] | undefined)[];

export class ServedWatch {
  readonly #options: ServedWatchOptions;
  readonly #target: TargetSpec | undefined;
  /** URLs whose servers have no statistics. */
  readonly #without = new Set<TargetUrl>();
  #atStart: Readings = [];
  /** As the phase before ended. */
  #atEnd: Readings | undefined;
  #ending: Promise<void> = Promise.resolve();

  constructor(options: ServedWatchOptions) {
    const { target, endpoint } = options.spec;
    this.#options = options;
    const isCalled = createEndpoint(endpoint?.type ?? "")?.protocol === "grpc";
    this.#target = isCalled && target?.noProbe === false ? target : undefined;
  }

  /** Before the first request of a phase. Never rejects. */
  async begins(phase: number): Promise<void> {
    if (!this.#isApart(phase)) return;
    await this.#ending;
    this.#atStart = this.#atEnd ?? (await this.#settled());
  }

  /** The last request of a phase has come back. */
  ends(phase: number): void {
    if (this.#isApart(phase)) this.#ending = this.#end(phase);
  }

  /** Resolves when all that was asked is told. Never rejects. */
  drained(): Promise<void> {
    return this.#ending;
  }

  async #end(phase: number): Promise<void> {
    const before = this.#atStart;
    const after = await this.#settled();
    this.#atEnd = after;
    const urls = this.#target?.urls ?? [];
    const models = urls.flatMap((url, index) => {
      const [from, to] = [before[index], after[index]];
      if (from === undefined || to === undefined) return [];
      return servedBetween(from, to).map((model) => ({ ...model, phase, server: shown(url) }));
    });
    if (models.length > 0) this.#options.served(models);
  }

  #isApart(phase: number): boolean {
    const { phases } = this.#options.spec;
    const overlaps = (phases[phase]?.isSeamless && phase + 1 < phases.length) || phases[phase - 1]?.isSeamless;
    return this.#target !== undefined && overlaps !== true;
  }

  async #settled(): Promise<Readings> {
    let last = await this.#read();
    for (let readings = 1; readings < mostReadings && last.some((reading) => reading !== undefined); readings++) {
      await delay(settleMs);
      const before = last;
      last = await this.#read();
      if (last.every((reading, index) => reading === undefined || isSettled(before[index] ?? [], reading))) break;
    }
    return last;
  }

  async #read(): Promise<Readings> {
    return await Promise.all((this.#target?.urls ?? []).map((url) => this.#readOne(url)));
  }

  /** Of all models: those that an ensemble is made of have names that the run does not know. */
  async #readOne(url: TargetUrl): Promise<readonly ModelStatistics[] | undefined> {
    const { spec, ask, note, patienceMs = defaultPatienceMs } = this.#options;
    if (this.#target === undefined || this.#without.has(url)) return undefined;
    const target = clone(TargetSpecSchema, this.#target);
    target.urls = [url];
    const question = {
      case: "call" as const,
      value: { $typeName: "assay.controller.v1.GrpcCall" as const, path, message: new Uint8Array() },
    };
    const asked = create(AskTargetSchema, {
      target,
      question,
      limitMs,
      ...(spec.endpoint === undefined ? {} : { endpoint: spec.endpoint }),
    });
    try {
      const { error, message } = await within(AbortSignal.timeout(patienceMs), ask(asked), "whoever could ask it");
      if (error === undefined) return fromBinary(ModelStatisticsResponseSchema, message).modelStats;
      if (error.code !== "grpc_unimplemented") throw new Error(`${error.code}: ${error.message}`);
    } catch (error) {
      note(`${shown(url)} does not say what it served: ${secretsOf(spec).mask(messageOf(error))}`);
    }
    this.#without.add(url);
    return undefined;
  }
}

function shown({ url }: TargetUrl): string {
  const base = parseBaseUrl(url);
  return base === undefined ? url : shownUrl(base, base.pathname.replace(/\/$/, ""));
}

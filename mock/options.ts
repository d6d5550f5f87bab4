/** The options of the built-in server. Given → `withDefaults` → complete and checked. */
import { AssayError } from "../services/common/errors.ts";
import { type DistributionSpelling, readDistribution } from "./answers/distribution.ts";
import type { FailureRates } from "./answers/failures.ts";
import { modelKindNames, readModelOption } from "./models/kinds.ts";
import { nonNegativeMs, problemOf, problemWith } from "./options/kinds.ts";
import { optionTable } from "./options/table.ts";

/** When a streamed answer ends with a usage chunk: always, when `stream_options.include_usage` asks for it, or never. */
export type UsageMode = "always" | "asked" | "never";

export interface MockOptions {
  /** 0 = any free port. */
  readonly port: number;
  readonly host: string;
  /** From when the request's turn has come to its first content chunk. */
  readonly ttftMs: DistributionSpelling;
  /** Between two tokens; 0 = as fast as the sockets take them. */
  readonly itlMs: DistributionSpelling;
  /** Tokens of an answer whose request asks for no length. */
  readonly osl: DistributionSpelling;
  /** Tokens of a content chunk; the last one of an answer holds what is left. */
  readonly tokensPerChunk: DistributionSpelling;
  /** 0…1: the part of a fixed TTFT and ITL that varies, uniformly and reproducibly. */
  readonly jitter: number;
  readonly seed: number;
  /** What `/v1/models` lists; other models are refused (404). Empty: `mock` is listed and any name is served. */
  readonly models: readonly string[];
  /** Keys of which a request must show one; empty: none is asked for. */
  readonly apiKeys: readonly string[];
  /** Answers in progress at most; further requests wait in the order of their arrival. 0 = no limit. */
  readonly maxConcurrent: number;
  readonly usage: UsageMode;
  /** Write the send stamp `assay_sent_ns` into every chunk and answer. */
  readonly stamps: boolean;
  /** Put all chunks of a stream that are due together into as few writes as needed. */
  readonly coalesce: boolean;
  /** Spin near due times instead of trusting timers; takes a whole core. */
  readonly precise: boolean;
  readonly failures: FailureRates;
  /** The `retry-after` of the statuses 429 and 503. */
  readonly retryAfterSec: number;
  /** How long a stall lasts before the connection closes. */
  readonly stallMs: number;
  /** By how much later a slow first byte comes. */
  readonly slowMs: DistributionSpelling;
  /** Room of the pretended KV cache. */
  readonly kvCacheTokens: number;
  /** Remember the beginnings of prompts, and count what is found again as cached. */
  readonly prefixCache: boolean;
  /** A port of its own for the DCGM page at `/metrics`; 0 = any free port, null = none. */
  readonly dcgmPort: number | null;
  readonly gpus: number;
  /** The shortest time between two readings of the GPUs; in between the page repeats, as the exporter's does. */
  readonly dcgmIntervalMs: number;
  /** The last GPU is gone so many seconds after the start; null: it stays. */
  readonly dcgmLoseGpuSec: number | null;
  /** The GPUs' energy counters begin again at 0 so many seconds after the start; null: they do not. */
  readonly dcgmResetSec: number | null;
  readonly maxBodyBytes: number;
  /** The command ends when its standard input does: for who starts it as a process of its own. */
  readonly endsWithInput: boolean;
  /** The port of the gRPC service; 0 = any free port, null = none. */
  readonly grpcPort: number | null;
  /** A port of its own for the page of what is served over gRPC, at `/metrics`; 0 = any free port, null = none. */
  readonly tritonMetricsPort: number | null;
  /** PEM files of the certificate and the key with which every port speaks TLS; null = none does. */
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  /** PEM file of the authorities of clients' certificates, without which none is let in; null = none is asked for. */
  readonly tlsClientCa: string | null;
  /** What it serves, each `NAME:KIND`; empty: a model of every kind. */
  readonly grpcModels: readonly string[];
}

export const defaultOptions: MockOptions = {
  port: 0,
  host: "127.0.0.1",
  ttftMs: 0,
  itlMs: 0,
  osl: 64,
  tokensPerChunk: 1,
  jitter: 0,
  seed: 0,
  models: [],
  apiKeys: [],
  maxConcurrent: 0,
  usage: "asked",
  stamps: false,
  coalesce: false,
  precise: false,
  failures: {},
  retryAfterSec: 1,
  stallMs: 600_000,
  slowMs: 5000,
  kvCacheTokens: 262_144,
  prefixCache: false,
  dcgmPort: null,
  gpus: 2,
  dcgmIntervalMs: 100,
  dcgmLoseGpuSec: null,
  dcgmResetSec: null,
  maxBodyBytes: 64 * 1024 * 1024,
  endsWithInput: false,
  grpcPort: null,
  tritonMetricsPort: null,
  grpcModels: [],
  tlsCert: null,
  tlsKey: null,
  tlsClientCa: null,
};

/** Completes given options with the defaults. Throws `invalid_argument` naming every value that is not allowed. */
export function withDefaults(given: Partial<MockOptions>): MockOptions {
  const options: MockOptions = { ...defaultOptions, ...given };
  const problems = problemsOf(options);
  if (problems.length > 0) throw new AssayError("invalid_argument", problems.join("; "));
  return options;
}

/** Everything that is wrong with complete options, each with the option's flag and value; every value is checked against its row. */
export function problemsOf(options: MockOptions): string[] {
  const problems = optionTable.flatMap(({ flag, key, kind }) => problemOf(flag, kind, options[key]) ?? []);
  for (const [flag, value] of [
    ["--ttft", options.ttftMs],
    ["--itl", options.itlMs],
  ] as const) {
    const isDrawn = (readDistribution(value, nonNegativeMs)?.is ?? "fixed") !== "fixed";
    if (isDrawn && options.jitter > 0) problems.push(problemWith(flag, "a plain number beside --jitter", value));
  }
  if (options.grpcModels.length > 0 && options.grpcPort === null) {
    problems.push(problemWith("--grpc-model", "beside --grpc-port", options.grpcModels));
  }
  if (options.tritonMetricsPort !== null && options.grpcPort === null) {
    problems.push(problemWith("--triton-metrics-port", "beside --grpc-port", options.tritonMetricsPort));
  }
  for (const [flag, value, needed, isThere] of [
    ["--tls-cert", options.tlsCert, "--tls-key", options.tlsKey !== null],
    ["--tls-key", options.tlsKey, "--tls-cert", options.tlsCert !== null],
    ["--tls-client-ca", options.tlsClientCa, "--tls-cert", options.tlsCert !== null],
  ] as const) {
    if (value !== null && !isThere) problems.push(problemWith(flag, `beside ${needed}`, value));
  }
  for (const model of options.grpcModels) {
    if (readModelOption(model) !== undefined) continue;
    problems.push(problemWith("--grpc-model", `NAME:KIND with a kind of ${modelKindNames.join(", ")}`, model));
  }
  return problems;
}

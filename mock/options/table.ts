/** The option table: argv, checks, `--help` and docs/mock.md are made from it. */

import type { MockOptions } from "../options.ts";
import { nonNegativeMs, type OptionKind } from "./kinds.ts";

/** The longest answer that may be asked for, in tokens. */
export const maxTokensOfAnswer = 1_000_000;

/** Headings of the help text, in their order. */
export const optionGroups = ["Where it listens", "Times and lengths", "What it answers", "Failures", "Metrics and GPUs"] as const;

export interface OptionRow {
  readonly flag: string;
  readonly key: keyof MockOptions;
  readonly kind: OptionKind;
  /** What stands for the value; absent: a switch. */
  readonly value?: string;
  readonly group: (typeof optionGroups)[number];
  readonly doc: string;
}

const port = { is: "integer", min: 0, max: 65_535 } as const;
const milliseconds: OptionKind = { is: "number", ...nonNegativeMs };
const seconds = { is: "number", min: 0, max: 86_400 } as const;
const drawnMs: OptionKind = { is: "distribution", ...nonNegativeMs };
const drawnTokens: OptionKind = { is: "distribution", min: 1, max: maxTokensOfAnswer, isInteger: true };
const file: OptionKind = { is: "text", mayBeNull: true };
const on: OptionKind = { is: "switch" };

const listening: readonly Omit<OptionRow, "group">[] = [
  { flag: "--port", key: "port", kind: port, value: "N", doc: "port to listen on; 0: any free one" },
  {
    flag: "--grpc-port",
    key: "grpcPort",
    kind: { ...port, mayBeNull: true },
    value: "N",
    doc: "serve KServe's gRPC service on this port; 0: any free one",
  },
  { flag: "--host", key: "host", kind: { is: "text" }, value: "ADDRESS", doc: "address to listen on" },
  {
    flag: "--max-body",
    key: "maxBodyBytes",
    kind: { is: "integer", min: 1, max: 1024 * 1024 * 1024 },
    value: "BYTES",
    doc: "largest request body; 413 beyond",
  },
  {
    flag: "--tls-cert",
    key: "tlsCert",
    kind: file,
    value: "FILE",
    doc: "speak TLS on every port, with this certificate (PEM)",
  },
  { flag: "--tls-key", key: "tlsKey", kind: file, value: "FILE", doc: "its key (PEM)" },
  {
    flag: "--tls-client-ca",
    key: "tlsClientCa",
    kind: file,
    value: "FILE",
    doc: "let nobody in without a certificate of these authorities (PEM)",
  },
  { flag: "--end-with-input", key: "endsWithInput", kind: on, doc: "end when standard input ends, as well" },
];

const timing: readonly Omit<OptionRow, "group">[] = [
  { flag: "--ttft", key: "ttftMs", kind: drawnMs, value: "MS", doc: "time to the first content chunk; drawn once an answer" },
  { flag: "--itl", key: "itlMs", kind: drawnMs, value: "MS", doc: "time between tokens, 0: no delay; drawn for every token" },
  { flag: "--osl", key: "osl", kind: drawnTokens, value: "N", doc: "tokens of an answer when the request asks for no length" },
  {
    flag: "--tokens-per-chunk",
    key: "tokensPerChunk",
    kind: drawnTokens,
    value: "N",
    doc: "tokens of a content chunk, which comes when its last token is due",
  },
  {
    flag: "--jitter",
    key: "jitter",
    kind: { is: "number", min: 0, max: 1 },
    value: "PART",
    doc: "part of a plain --ttft and --itl that varies, 0 to 1; chunks keep near a fixed grid",
  },
  {
    flag: "--seed",
    key: "seed",
    kind: { is: "integer", min: 0, max: 0xffff_ffff },
    value: "N",
    doc: "seed of all that is drawn: the same seed and order of requests give the same answers",
  },
  { flag: "--precise", key: "precise", kind: on, doc: "spin near due times; takes a whole core" },
  { flag: "--coalesce", key: "coalesce", kind: on, doc: "chunks due together leave in as few writes as needed" },
];

const answering: readonly Omit<OptionRow, "group">[] = [
  {
    flag: "--model",
    key: "models",
    kind: { is: "names" },
    value: "NAME",
    doc: "model to serve, others get 404; repeatable, or with commas. Without it any name is served",
  },
  {
    flag: "--api-key",
    key: "apiKeys",
    kind: { is: "names" },
    value: "KEY",
    doc: "key to ask for below /v1 and over gRPC, 401 or UNAUTHENTICATED without it; repeatable, or with commas",
  },
  {
    flag: "--max-concurrent",
    key: "maxConcurrent",
    kind: { is: "integer", min: 0, max: 1_000_000 },
    value: "N",
    doc: "answers in progress at most, further requests wait; 0: no limit",
  },
  {
    flag: "--usage",
    key: "usage",
    kind: { is: "choice", of: ["always", "asked", "never"] },
    value: "MODE",
    doc: "usage of a stream: always, asked or never",
  },
  {
    flag: "--grpc-model",
    key: "grpcModels",
    kind: { is: "names" },
    value: "NAME:KIND",
    doc: "model of the gRPC port; repeatable, or with commas. Without it one of every kind is served",
  },
  { flag: "--stamps", key: "stamps", kind: on, doc: "send stamps (CLOCK_MONOTONIC) as assay_sent_ns in every chunk" },
];

const failing: readonly Omit<OptionRow, "group">[] = [
  {
    flag: "--fail",
    key: "failures",
    kind: { is: "rates" },
    value: "KIND:RATE",
    doc: "fail this part of the requests in this way; repeatable, or with commas",
  },
  {
    flag: "--retry-after",
    key: "retryAfterSec",
    kind: { is: "integer", min: 0, max: 86_400 },
    value: "SECONDS",
    doc: "retry-after of the statuses 429 and 503",
  },
  {
    flag: "--stall",
    key: "stallMs",
    kind: milliseconds,
    value: "MS",
    doc: "how long a stall lasts before the connection closes",
  },
  { flag: "--slow", key: "slowMs", kind: drawnMs, value: "MS", doc: "by how much later a slow first byte comes" },
];

const measuring: readonly Omit<OptionRow, "group">[] = [
  {
    flag: "--kv-cache",
    key: "kvCacheTokens",
    kind: { is: "integer", min: 1, max: 1e12 },
    value: "TOKENS",
    doc: "room of the pretended KV cache, for vllm:kv_cache_usage_perc",
  },
  {
    flag: "--prefix-cache",
    key: "prefixCache",
    kind: on,
    doc: "remember beginnings of prompts and count them as cached, in usage and metrics",
  },
  {
    flag: "--dcgm-port",
    key: "dcgmPort",
    kind: { ...port, mayBeNull: true },
    value: "N",
    doc: "serve the DCGM page on this port too, at /metrics",
  },
  {
    flag: "--triton-metrics-port",
    key: "tritonMetricsPort",
    kind: { ...port, mayBeNull: true },
    value: "N",
    doc: "serve the page of what is served over gRPC on this port too, at /metrics",
  },
  { flag: "--gpus", key: "gpus", kind: { is: "integer", min: 0, max: 64 }, value: "N", doc: "GPUs of the DCGM page" },
  {
    flag: "--dcgm-interval",
    key: "dcgmIntervalMs",
    kind: milliseconds,
    value: "MS",
    doc: "shortest time between two readings of the GPUs; dcgm-exporter's own default is 30000",
  },
  {
    flag: "--dcgm-lose-gpu",
    key: "dcgmLoseGpuSec",
    kind: { ...seconds, mayBeNull: true },
    value: "SEC",
    doc: "the last GPU vanishes from the page so long after the start",
  },
  {
    flag: "--dcgm-reset",
    key: "dcgmResetSec",
    kind: { ...seconds, mayBeNull: true },
    value: "SEC",
    doc: "the GPUs' energy counters begin again at 0 so long after the start",
  },
];

/** All options, by group. */
export const optionTable: readonly OptionRow[] = [
  ...listening.map((row): OptionRow => ({ ...row, group: "Where it listens" })),
  ...timing.map((row): OptionRow => ({ ...row, group: "Times and lengths" })),
  ...answering.map((row): OptionRow => ({ ...row, group: "What it answers" })),
  ...failing.map((row): OptionRow => ({ ...row, group: "Failures" })),
  ...measuring.map((row): OptionRow => ({ ...row, group: "Metrics and GPUs" })),
];

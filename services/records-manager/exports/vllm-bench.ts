/**
 * `vllm_bench.json`: the measured phases as `vllm bench serve --save-result --save-detailed` writes a result: its keys, in seconds per
 * request and in ms in the statistics, by its formulas (`core/definitions.ts`). Those look at events without content, too, whose moments
 * only a run that keeps answers has; of any other run the chunks with content stand for all, and `assay.moments` says so.
 */
import { errorIsl } from "../../../metrics/error-isl.ts";
import { inputSequenceLength } from "../../../metrics/input-sequence-length.ts";
import { Column } from "../core/column.ts";
import { type DefinedFigures, definedFigures } from "../core/definitions.ts";
import { GapDistribution } from "../core/gap-distribution.ts";
import type { PhaseSummary } from "../core/run-summary.ts";
import { type Statistics, statisticsOf } from "../core/statistics.ts";
import { eventReader, isWholeStream, STREAM_PAGE_ROWS, type StreamRow, streamColumns, streamFacts } from "../stream-facts.ts";
import { answerText } from "./answer-text.ts";
import type { ExportContext, Exporter } from "./exporter.ts";
import { Float, type JsonObject, jsonText } from "./json-text.ts";
import { knownEndpoint } from "./known-endpoint.ts";
import { localTime } from "./local-time.ts";
import { peakInFlight, TokenSeconds } from "./vllm-peaks.ts";
import { trafficOf } from "./vllm-traffic.ts";

export const vllmBench: Exporter = (context, write) => {
  const measured = context.summary().phases.find(({ kind }) => kind === "profiling");
  const figures = readFigures(context);
  const scalars = { ...headOf(context, measured, figures), ...countsOf(measured, figures) };
  write(jsonText(scalars).slice(0, -1));
  for (const [key, detailOf] of Object.entries(detailsOf(context))) {
    write(`,"${key}":[`);
    let isFirst = true;
    for (const request of requestsOf(context, ofTimes.has(key))) {
      write((isFirst ? "" : ",") + jsonText(detailOf(request)));
      isFirst = false;
    }
    write("]");
  }
  write(`,${jsonText({ ...figures.peaks, ...figures.statistics, ...ownPart(context) }).slice(1)}`);
};

/** A request as vLLM would have seen it, times in seconds. */
interface BenchRequest {
  readonly creditId: number;
  readonly isSuccess: boolean;
  readonly inputLength: number;
  readonly outputLength: number;
  readonly sentNs: number;
  /** Undefined: no stream, or no event of it. */
  readonly ttft: number | undefined;
  readonly tpot: number | undefined;
  readonly itls: readonly number[];
  readonly latency: number;
  /** How much later than due it was sent. */
  readonly queueTime: number;
  readonly status: number;
  readonly isStreaming: boolean;
  readonly error: string;
}

const OWN_COLUMNS = [inputSequenceLength.tag, errorIsl.tag, "error_message", "status"] as const;

/** Those of the details that take the moments of a stream, which are the most to read. */
const ofTimes: ReadonlySet<string> = new Set(["ttfts", "itls", "latencies"]);

/** Of the measured phases, in the order of the credits; with or without what its events say. */
function* requestsOf({ reader, spec }: ExportContext, withTimes = true): Generator<BenchRequest> {
  const measured = reader.measuredPhases();
  const readEvent = withTimes ? eventReader(spec) : undefined;
  const columns = streamColumns(readEvent);
  for (const page of reader.pages([...columns, ...OWN_COLUMNS], { pageRows: STREAM_PAGE_ROWS })) {
    for (const values of page) {
      // The columns of a stream come first.
      const stream = values.slice(0, columns.length + 1) as unknown as StreamRow;
      const own = values.slice(columns.length + 1) as [number | null, number | null, string | null, number];
      if (measured.has(stream[1]))
        yield requestOf(stream, own, withTimes ? (row) => definedFigures("vllm", streamFacts(row, readEvent)) : undefined);
    }
  }
}

function requestOf(
  row: StreamRow,
  [inputLength, errorLength, message, status]: readonly [number | null, number | null, string | null, number],
  figuresOf: ((row: StreamRow) => DefinedFigures) | undefined,
): BenchRequest {
  const [creditId, , isCancelled, errorCode, isStreaming, , dueNs, sentNs, endNs, tokens] = row;
  const isSuccess = isCancelled === 0 && errorCode === null;
  const found = isWholeStream(row) ? figuresOf?.(row) : undefined;
  const seconds = (figures: readonly { readonly ms: number }[] | undefined): number[] =>
    (figures ?? []).map(({ ms }) => ms / 1e3);
  return {
    creditId,
    isSuccess,
    inputLength: inputLength ?? errorLength ?? 0,
    outputLength: isSuccess ? (tokens ?? 0) : 0,
    sentNs,
    ttft: seconds(found?.ttft)[0],
    tpot: seconds(found?.tpot)[0],
    itls: seconds(found?.itl),
    latency: isSuccess ? (seconds(found?.e2e)[0] ?? endNs / 1e9) : 0,
    queueTime: dueNs === null ? 0 : Math.max(0, sentNs - dueNs) / 1e9,
    status,
    isStreaming: isStreaming === 1,
    error: isSuccess ? "" : (message ?? errorCode ?? "cancelled"),
  };
}

/** In vLLM's order; each takes a pass over the rows, so that memory does not grow with them. */
function detailsOf({ reader, spec }: ExportContext): Readonly<Record<string, (request: BenchRequest) => JsonValue>> {
  const endpoint = knownEndpoint(spec);
  return {
    input_lens: ({ inputLength }) => inputLength,
    output_lens: ({ outputLength }) => outputLength,
    ttfts: ({ ttft }) => new Float(ttft ?? 0),
    itls: ({ itls }) => itls.map((itl) => new Float(itl)),
    latencies: ({ latency }) => new Float(latency),
    start_times: ({ sentNs }) => new Float(sentNs / 1e9),
    queue_times: ({ queueTime }) => new Float(queueTime),
    generated_texts: ({ creditId, isSuccess, ...answered }) => {
      const raw = isSuccess ? reader.raw(creditId) : undefined;
      return (raw && endpoint && answerText(raw, answered, endpoint)) ?? "";
    },
    errors: ({ error }) => error,
  };
}

type JsonValue = Parameters<typeof jsonText>[0];

interface Figures {
  readonly completed: number;
  readonly failed: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly peaks: JsonObject;
  /** `mean_ttft_ms` and so on. */
  readonly statistics: JsonObject;
}

function readFigures(context: ExportContext): Figures {
  const times = { ttft: new Column(), tpot: new Column(), e2el: new Column() };
  const gaps = new GapDistribution();
  const starts = new Column();
  const ends = new Column();
  const tokenSeconds = new TokenSeconds(firstSendNs(context));
  let failed = 0;
  let inputTokens = 0;
  let outputTokens = 0;
  for (const request of requestsOf(context)) {
    if (!request.isSuccess) {
      failed++;
      continue;
    }
    inputTokens += request.inputLength;
    outputTokens += request.outputLength;
    const { ttft, tpot, itls, latency, sentNs } = request;
    if (ttft !== undefined) times.ttft.push(ttft * 1e3);
    if (tpot !== undefined) times.tpot.push(tpot * 1e3);
    // Stamps are whole µs.
    for (const itl of itls) gaps.add(Math.round(itl * 1e6));
    times.e2el.push(latency * 1e3);
    starts.push(sentNs);
    ends.push(sentNs + latency * 1e9);
    if (ttft !== undefined) tokenSeconds.add(sentNs, ttft, itls);
  }
  const completed = starts.values().length;
  const inFlight = peakInFlight(starts.values(), ends.values());
  return {
    completed,
    failed,
    inputTokens,
    outputTokens,
    peaks: { max_output_tokens_per_s: new Float(tokenSeconds.most), max_concurrent_requests: inFlight, rtfx: new Float(0) },
    statistics: {
      ...statisticsJson("ttft", statisticsOf(times.ttft.values())),
      ...statisticsJson("tpot", statisticsOf(times.tpot.values())),
      ...statisticsJson("itl", gaps.statistics()),
      ...statisticsJson("e2el", statisticsOf(times.e2el.values())),
    },
  };
}

/** What vLLM counts seconds from: the first send of a request that succeeded. */
function firstSendNs({ reader }: ExportContext): number {
  const measured = reader.measuredPhases();
  let firstNs = Number.POSITIVE_INFINITY;
  for (const page of reader.pages(["phase", "is_cancelled", "error_code", "sent_ns"]))
    for (const [, phase, isCancelled, errorCode, sentNs] of page) {
      if (measured.has(phase as number) && isCancelled === 0 && errorCode === null) firstNs = Math.min(firstNs, sentNs as number);
    }
  return firstNs;
}

const none = { avg: 0, p50: 0, std: 0, p90: 0, p95: 0, p99: 0 } satisfies Partial<Statistics>;

/** Where there is nothing, vLLM writes 0. */
function statisticsJson(name: string, found: Statistics | undefined): JsonObject {
  const { avg, p50, std, p90, p95, p99 } = found ?? none;
  return {
    [`mean_${name}_ms`]: new Float(avg),
    [`median_${name}_ms`]: new Float(p50),
    [`std_${name}_ms`]: new Float(std),
    [`p50_${name}_ms`]: new Float(p50),
    [`p90_${name}_ms`]: new Float(p90),
    [`p95_${name}_ms`]: new Float(p95),
    [`p99_${name}_ms`]: new Float(p99),
  };
}

function headOf({ spec, reader }: ExportContext, measured: PhaseSummary | undefined, { completed, failed }: Figures): JsonObject {
  const { createdWallNs } = reader.run();
  const type = spec.endpoint?.type || "chat";
  const backend = type === "chat" ? "openai-chat" : type === "completions" ? "openai" : type;
  return {
    date: dateOf(measured?.endWallNs ?? createdWallNs),
    endpoint_type: backend,
    backend,
    label: spec.name === "" ? backend : spec.name,
    model_id: spec.models[0] ?? "",
    tokenizer_id: spec.tokenizer?.name || spec.models[0] || "",
    num_prompts: completed + failed,
    ...trafficOf(spec),
  };
}

/** `20261129-135558`, local. */
function dateOf(wallNs: number): string {
  return localTime(wallNs).slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
}

function countsOf(measured: PhaseSummary | undefined, figures: Figures): JsonObject {
  const figureOf = (tag: string): number | undefined => measured?.runMetrics.find((metric) => metric.tag === tag)?.value;
  const duration = figureOf("benchmark_duration") ?? 0;
  const goodput = figureOf("goodput");
  const rate = (count: number): Float => new Float(duration === 0 ? 0 : count / duration);
  const { completed, failed, inputTokens, outputTokens } = figures;
  return {
    duration: new Float(duration),
    completed,
    failed,
    total_input_tokens: inputTokens,
    total_output_tokens: outputTokens,
    request_throughput: rate(completed),
    request_goodput: goodput === undefined ? null : new Float(goodput),
    output_throughput: rate(outputTokens),
    total_token_throughput: rate(inputTokens + outputTokens),
  };
}

function ownPart({ spec, reader }: ExportContext): JsonObject {
  const { runId, versions } = reader.run();
  const moments = eventReader(spec) === undefined ? "content" : "events";
  return { assay: { run_id: runId, version: versions.assay, moments } };
}

/** A run whose files are known to the byte: warm-up, streamed and plain answers, failures of several kinds, a GPU. */
import { create, toJsonString } from "@bufbuild/protobuf";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { ConnectionReuse, RunSpecSchema, Sampling } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { RawAnswer } from "../../../services/common/metric-record.ts";
import type { SeriesFacts } from "../../../services/records-manager/core/telemetry-rows.ts";
import type { RunStore } from "../../../services/records-manager/store/run-store.ts";
import { Slab } from "../../../services/worker/slab.ts";
import { cancelled, failed, record, START_NS, WALL_OFFSET_NS } from "../../unit/records-manager/records.ts";
import { createStore, insertAll } from "./run-fixture.ts";
import { addScrapes, gpuSeries } from "./scraped.ts";

export interface FixedRunOptions {
  readonly exportLevel?: string;
  readonly exportPrefix?: string;
  readonly disableGpu?: boolean;
  readonly isTraced?: boolean;
}

/** The spec of the fixed run as it is stored. */
function fixedSpec(options: FixedRunOptions = {}): string {
  const { exportLevel = "records", exportPrefix = "", disableGpu = false, isTraced = false } = options;
  const spec = create(RunSpecSchema, {
    name: "fixed",
    models: ["org/m"],
    target: {
      urls: [{ url: "http://127.0.0.1:8000" }],
      headers: { "X-Team": "***" },
      apiKey: "***",
      requestTimeoutSec: 30,
      connectionReuse: ConnectionReuse.POOLED,
    },
    endpoint: { type: "chat", streaming: true, extraInputs: { temperature: 0.5, ignore_eos: true } },
    tokenizer: { name: "o200k_base" },
    dataset: {
      source: {
        case: "synthetic",
        value: { inputTokens: { mean: 12, stddev: 1.5 }, outputTokens: { mean: 3 } },
      },
      sampling: Sampling.SEQUENTIAL,
      entries: 5n,
    },
    phases: [
      {
        name: "warmup",
        kind: PhaseKind.WARMUP,
        load: { case: "concurrency", value: { limit: 2 } },
        stop: { requestCount: 1n },
        graceSec: 31,
      },
      {
        name: "profiling",
        kind: PhaseKind.PROFILING,
        load: { case: "concurrency", value: { limit: 2 } },
        stop: { requestCount: 8n, durationSec: 60 },
        graceSec: 30,
      },
    ],
    telemetry: { dcgmUrls: ["http://127.0.0.1:9400/metrics"], disableGpu },
    output: { exportLevel, exportPrefix, cliCommand: "assay run -m org/m --api-key ***", exportHttpTrace: isTraced },
    randomSeed: 42n,
  });
  return toJsonString(RunSpecSchema, spec);
}

const phase = 1;
const tokens = {
  input_sequence_length: 12,
  output_sequence_length: 3,
  output_token_count: 3,
  usage_prompt_tokens: 12,
  usage_completion_tokens: 3,
  usage_total_tokens: 15,
};

export function fixedRun(folder: string, options: FixedRunOptions = {}): void {
  const phases = [
    { phase: 0, name: "warmup", kind: "warmup", hasCeiling: false },
    { phase: 1, name: "profiling", kind: "profiling", hasCeiling: false },
  ] as const;
  const store = createStore(folder, { phases, spec: fixedSpec(options) });
  const records = [
    record(1, { metrics: { time_to_first_token: 999, request_latency: 999 } }),
    record(2, {
      phase,
      metrics: {
        time_to_first_token: 10,
        time_to_second_token: 10,
        time_to_first_output_token: 10,
        request_latency: 40,
        response_time: 40,
        decode_duration: 30,
        inter_token_latency: 15,
        output_token_throughput_per_user: 1000 / 15,
        e2e_output_token_throughput: 75,
        prefill_throughput_per_user: 1200,
        osl_mismatch_diff_pct: -12.5,
        http_req_data_sent: 0.5,
        http_req_data_received: 2,
        ...tokens,
      },
    }),
    record(3, {
      phase,
      conversation: 2,
      contentMs: [12.5, 30],
      metrics: { time_to_first_token: 12.5, request_latency: 30, lateness: 0.25, ...tokens },
    }),
    record(4, {
      phase,
      // Digits that a sum of two doubles of this size would lose.
      sentNs: START_NS + 400_000_007,
      isStreaming: false,
      contentMs: [22],
      endNs: 22e6,
      metrics: { request_latency: 22, ...tokens },
    }),
    failed(5, { phase, metrics: { lateness: 1.5, error_isl: 12 } }),
    { ...cancelled(6), phase },
    failed(7, {
      phase,
      status: 429,
      firstByteNs: undefined,
      error: { code: "http_4xx", phase: "wait", message: 'http status 429: slow "down", please' },
      metrics: { error_isl: 12 },
    }),
    failed(8, {
      phase,
      status: 0,
      firstByteNs: undefined,
      error: { code: "connect_refused", phase: "connect", message: "connect ECONNREFUSED 127.0.0.1:8000" },
      metrics: { error_isl: 12 },
    }),
  ];
  insertAll(store, records, options.exportLevel === "raw" ? keptAnswers() : undefined);
  store.startPhase(0, START_NS);
  store.endPhase(0, START_NS + 150e6);
  store.startPhase(1, START_NS + 160e6 + 123_456);
  store.endPhase(1, START_NS + 900e6);
  store.addConversations(new Map([[2, "greeting"]]));
  addGpuSamples(store);
  addServerScrapes(store);
  store.endRun({ state: "COMPLETED", wasCancelled: false, verdict: "valid", endedWallNs: START_NS + WALL_OFFSET_NS + 1e9 });
  store.commit();
  store.close();
}

/** A stream with a comment, a character cut in two by reads and an unusual line; a document; a refusal; bytes that are no text. */
function keptAnswers(): Map<number, RawAnswer> {
  const requestBody = Buffer.from('{"model":"org/m","id":9007199254740993}');
  const stream = Buffer.from(
    ': ping\n\ndata: {"choices":[{"delta":{"content":"é"}}]}\n\nevent: note\ndata\n\n' +
      'data: {"choices":[{"delta":{"content":"!"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
  );
  const cut = stream.indexOf("é") + 1;
  const answer = Buffer.from('{"choices":[{"message":{"content":"fine"},"finish_reason":"stop"}]}');
  return new Map<number, RawAnswer>([
    [
      2,
      {
        reads: reads([cut, 10e6], [stream.length - cut, 40e6]),
        payload: stream,
        requestBody,
        responseHeaders: '{"content-type":"text/event-stream","via":["a","b"]}',
      },
    ],
    [
      4,
      {
        reads: reads([answer.length, 22e6]),
        payload: answer,
        requestBody: Buffer.from('{\n  "model": "org/m"\n}'),
        responseHeaders: '{"content-type":"application/json"}',
      },
    ],
    [7, { reads: reads([4, 9e6]), payload: Buffer.from("slow"), requestBody: Buffer.from("no json") }],
    [8, { reads: reads([2, 9e6]), payload: Buffer.from([0xff, 0xfe]), requestBody: Buffer.from([0xff]), cutBytes: 3 }],
  ]);
}

/** Reads by their bytes and moments, as they are kept. */
function reads(...given: readonly (readonly [bytes: number, ns: number])[]): Uint8Array {
  const slab = new Slab();
  for (const [bytes, ns] of given) slab.add(Buffer.alloc(bytes), 0, bytes, ns);
  return slab.reads.slice();
}

/** One GPU: power before and twice within the measured phase, and an energy counter that rose by 250 J in it. */
function addGpuSamples(store: RunStore): void {
  const gpu = { subject: "GPU-1", labels: { index: "0", model: "NVIDIA H100, 80GB", hostname: "node-1" } };
  const series = [gpuSeries("nvidia_power_usage", "W", gpu), gpuSeries("nvidia_energy_consumption", "J", gpu)];
  addScrapes(store, { kind: "dcgm", name: "http://127.0.0.1:9400/metrics" }, series, [
    [START_NS + 100e6, [80, 1000]],
    [START_NS + 300e6, [300, 1100]],
    [START_NS + 800e6, [350.125, 1250]],
  ]);
}

/** A server's page around the measured phase: a metric of each type, a histogram among them, one of them born within the phase. */
function addServerScrapes(store: RunStore): void {
  const labels = { model_name: "m" };
  const of = (name: string, type: SeriesFacts["type"], more: Partial<SeriesFacts> = {}): SeriesFacts => {
    return { subject: "", name, family: name, type, unit: "", help: `of ${name}`, labels, ...more };
  };
  const ttft = { family: "vllm:time_to_first_token_seconds", unit: "seconds" };
  const bucket = (le: string) => of(`${ttft.family}_bucket`, "histogram", { ...ttft, labels: { ...labels, le } });
  const series = [
    of("vllm:num_requests_running", "gauge", { unit: "requests" }),
    of("vllm:generation_tokens_total", "counter", { unit: "tokens" }),
    ...["0.1", "1.0", "+Inf"].map(bucket),
    of(`${ttft.family}_sum`, "histogram", ttft),
    of(`${ttft.family}_count`, "histogram", ttft),
    of("vllm:cache_config_info", "gauge", { labels: { block_size: "16", gpu_memory_utilization: "0.9" } }),
    of("process_threads", "unknown", { labels: {} }),
    of("vllm:num_preemptions_total", "counter"),
  ];
  addScrapes(store, { kind: "server", name: "http://127.0.0.1:8000/metrics" }, series, [
    [START_NS + 200e6, [0, 1000, 1, 4, 4, 2, 4, 1, 7]],
    [START_NS + 500e6, [3, 1400, 1, 10, 10, 6, 10, 1, 7]],
    [START_NS + 600e6, "503 Service Unavailable"],
    [START_NS + 700e6, [5, 1900, 3, 12, 13, 9, 13, 1, 8, 2]],
    [START_NS + 1100e6, [0, 2000, 3, 14, 15, 12, 15, 1, 8, 2]],
  ]);
}

/** Messages of a finished run, for tests of what shows it. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { type Run, RunSchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { Verdict } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { SummarizeRecordsResponseSchema } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";

export type SummaryShape = MessageInitShape<typeof SummarizeRecordsResponseSchema>;
type RunShape = MessageInitShape<typeof RunSchema>;

/** A run of 100 requests, all answered. */
export function runShape(change: RunShape = {}): RunShape & { $typeName?: never } {
  return {
    runId: "run-1",
    state: RunState.COMPLETED,
    startTime: { seconds: 1n },
    spec: { name: "m-openai-chat-concurrency8", models: ["m"], phases: [{ name: "profiling", graceSec: 30 }] },
    phases: [{ index: 0, name: "profiling", kind: PhaseKind.PROFILING, asked: 100n, sent: 100n }],
    ...change,
  } as RunShape & { $typeName?: never };
}

export function runOf(change: RunShape = {}): Run {
  return create(RunSchema, runShape(change));
}

function distribution(scale: number) {
  return {
    count: 100n,
    avg: scale,
    min: 0.8 * scale,
    max: 1.5 * scale,
    sum: 100 * scale,
    p1: 0.8 * scale,
    p5: 0.82 * scale,
    p10: 0.85 * scale,
    p25: 0.9 * scale,
    p50: 0.98 * scale,
    p75: 1.1 * scale,
    p90: 1.2 * scale,
    p95: 1.3 * scale,
    p99: 1.44 * scale,
    std: 0.1 * scale,
  };
}

/** The phase `profiling` of such a run, in the order of the catalog. */
export function profilingShape(change: object = {}) {
  return {
    index: 0,
    name: "profiling",
    kind: PhaseKind.PROFILING,
    identity: { drawn: 100n, succeeded: 100n },
    metrics: [
      { tag: "time_to_first_token", header: "Time to First Token", unit: "ms", consoleOrder: 100, ...distribution(51.234) },
      { tag: "request_latency", header: "Request Latency", unit: "ms", consoleOrder: 300, ...distribution(1362.5) },
      {
        tag: "output_token_throughput_per_user",
        header: "Output Token Throughput Per User",
        unit: "tokens/sec/user",
        consoleOrder: 500,
        ...distribution(99.5),
      },
      { tag: "output_token_count", header: "Output Token Count", unit: "tokens", ...distribution(32) },
      { tag: "benchmark_duration", header: "Benchmark Duration", unit: "sec", avg: 4.5213 },
      { tag: "request_throughput", header: "Request Throughput", unit: "requests/sec", consoleOrder: 900, avg: 22.117 },
      { tag: "output_token_throughput", header: "Output Token Throughput", unit: "tokens/sec", consoleOrder: 800, avg: 12707.75 },
      { tag: "total_osl", header: "Total Output Sequence Length", unit: "tokens", avg: 3200 },
      { tag: "min_request_timestamp", header: "Minimum Request Timestamp", unit: "ns", avg: 1.8e18 },
    ],
    ...change,
  };
}

export function summaryShape(change: SummaryShape = {}): SummaryShape {
  return {
    runId: "run-1",
    verdict: { verdict: Verdict.VALID, reasons: [] },
    phases: [profilingShape()],
    ...change,
  } as SummaryShape;
}

export function summaryOf(change: SummaryShape = {}) {
  return create(SummarizeRecordsResponseSchema, summaryShape(change));
}

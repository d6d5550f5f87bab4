import { expect } from "chai";
import { runMetrics } from "../../../metrics/catalog.ts";
import type { RunFacts } from "../../../metrics/metric.ts";

const sums: Readonly<Record<string, number>> = {
  input_sequence_length: 1000,
  output_sequence_length: 400,
  output_token_count: 300,
  reasoning_token_count: 100,
  error_isl: 70,
  usage_prompt_tokens: 200,
  usage_completion_tokens: 80,
  usage_total_tokens: 280,
  usage_reasoning_tokens: 20,
  usage_prompt_cache_read_tokens: 50,
  usage_prompt_cache_write_tokens: 30,
  usage_prompt_cache_miss_tokens: 150,
  usage_prompt_audio_tokens: 12,
  usage_prompt_audio_seconds: 3.5,
  usage_completion_audio_tokens: 6,
  usage_tool_use_prompt_tokens: 9,
  usage_accepted_prediction_tokens: 5,
  usage_rejected_prediction_tokens: 4,
  spec_decode_steps: 40,
  spec_decode_accepted_draft_tokens: 30,
  spec_decode_draft_tokens: 120,
  num_inferences: 32,
};
const latency = { avg: 1500, min: 1, p50: 1, p90: 1, p99: 1 };
const lateness = { avg: 1, min: -0.5, p50: 1, p90: 2, p99: 600 };

function value(tag: string, changes: Partial<RunFacts> = {}): number | undefined {
  const metric = runMetrics.find((candidate) => candidate.tag === tag);
  if (metric === undefined) throw new Error(`no metric ${tag}`);
  const base = {
    requestCount: 8,
    errorRequestCount: 2,
    goodRequestCount: 6,
    goodOutputTokens: 240,
    usageDiscrepancies: 3,
    lengthMismatches: 4,
    correctRequestCount: 6,
    incorrectRequestCount: 2,
    networkRttMs: 0.75,
    isReplay: true,
    stalls: { thresholdMs: 160, gaps: 3, requests: 2 },
    concurrency: 4,
    gpuEnergy: (vendor: string) => ({
      joules: vendor === "nvidia" ? 800 : 1600,
      averageWatts: vendor === "nvidia" ? 200 : 400,
      sampledWatts: vendor === "nvidia" ? 190 : 380,
    }),
    errorCount: (code: string) => (code === "context_overflow" ? 1 : 0),
    statistics: (of: string) => ({ lateness, request_latency: latency })[of],
    firstSentNs: 1e9,
    lastContentNs: 5e9,
    wallOffsetNs: 7e9,
  };
  return metric.value({ ...base, sum: (of) => sums[of], ...changes });
}

describe("metrics of a run", () => {
  const expected: readonly (readonly [string, number])[] = [
    ["benchmark_duration", 4],
    ["request_throughput", 2],
    ["output_token_throughput", 100],
    ["input_token_throughput", 250],
    ["total_token_throughput", 350],
    ["request_count", 8],
    ["error_request_count", 2],
    ["completed_request_count", 10],
    ["request_error_rate", 20],
    ["total_isl", 1000],
    ["total_osl", 400],
    ["total_output_tokens", 300],
    ["total_reasoning_tokens", 100],
    ["min_request_timestamp", 8e9],
    ["max_response_timestamp", 12e9],
    ["total_error_isl", 70],
    ["good_request_count", 6],
    ["good_request_fraction", 0.6],
    ["goodput", 1.5],
    ["total_usage_accepted_prediction_tokens", 5],
    ["total_usage_completion_audio_tokens", 6],
    ["total_usage_completion_tokens", 80],
    ["total_usage_prompt_audio_seconds", 3.5],
    ["total_usage_prompt_audio_tokens", 12],
    ["total_usage_prompt_cache_miss_tokens", 150],
    ["total_usage_prompt_cache_read_tokens", 50],
    ["total_usage_prompt_cache_write_tokens", 30],
    ["total_usage_prompt_tokens", 200],
    ["total_usage_reasoning_tokens", 20],
    ["total_usage_rejected_prediction_tokens", 4],
    ["total_usage_tool_use_prompt_tokens", 9],
    ["total_usage_total_tokens", 280],
    ["overall_usage_prompt_cache_read_pct", 25],
    ["usage_discrepancy_count", 3],
    ["osl_mismatch_count", 4],
    ["context_overflow_count", 1],
    ["overall_thinking_efficiency", 100 / 300],
    ["total_spec_decode_steps", 40],
    ["total_accepted_draft_tokens", 30],
    ["total_draft_tokens", 120],
    ["spec_decode_token_weighted_acceptance_length", 1.75],
    ["spec_decode_overall_draft_acceptance_rate", 25],
    ["replay_sched_lag_p50", 1.5],
    ["replay_sched_lag_p90", 2.5],
    ["replay_sched_lag_p99", 600.5],
    ["replay_sched_degraded", 1],
    ["network_rtt", 0.75],
    ["good_token_throughput", 60],
    ["stall_threshold", 160],
    ["stall_count", 3],
    ["stalled_request_count", 2],
    ["correct_request_count", 6],
    ["incorrect_request_count", 2],
    ["correct_request_rate", 75],
    ["inference_throughput", 8],
    ["nvidia_total_gpu_power", 190],
    ["amd_total_gpu_power", 380],
    ["nvidia_average_gpu_power", 200],
    ["amd_average_gpu_power", 400],
    ["nvidia_total_gpu_energy", 800],
    ["amd_total_gpu_energy", 1600],
    ["nvidia_output_tokens_per_joule", 0.5],
    ["amd_output_tokens_per_joule", 0.25],
    ["nvidia_energy_per_output_token", 2000],
    ["amd_energy_per_output_token", 4000],
    ["nvidia_energy_per_total_token", (800 / 1400) * 1000],
    ["amd_energy_per_total_token", (1600 / 1400) * 1000],
    ["nvidia_energy_per_request", 100],
    ["amd_energy_per_request", 200],
    ["nvidia_energy_per_user", 200],
    ["amd_energy_per_user", 400],
    ["nvidia_energy_delay_product", 150],
    ["amd_energy_delay_product", 300],
    ["nvidia_performance_per_watt", 0.01],
    ["amd_performance_per_watt", 0.005],
    ["nvidia_output_tps_per_watt", 0.5],
    ["amd_output_tps_per_watt", 0.25],
    ["nvidia_goodput_per_watt", 0.0075],
    ["amd_goodput_per_watt", 0.00375],
  ];
  for (const [tag, result] of expected) {
    it(`${tag} is ${result} for the run of the example`, () => {
      expect(value(tag)).to.equal(result);
    });
  }

  it("has an expected value for every metric", () => {
    expect(expected.map(([tag]) => tag)).to.deep.equal(runMetrics.map(({ tag }) => tag));
  });

  it("has counts and an error rate of 100 % where every request failed, and nothing that needs a success", () => {
    const failed = {
      requestCount: 0,
      goodRequestCount: undefined,
      goodOutputTokens: undefined,
      usageDiscrepancies: undefined,
      lengthMismatches: undefined,
      correctRequestCount: undefined,
      incorrectRequestCount: undefined,
      networkRttMs: undefined,
      isReplay: false,
      stalls: undefined,
      concurrency: undefined,
      gpuEnergy: () => undefined,
      firstSentNs: undefined,
      lastContentNs: undefined,
      sum: () => undefined,
    };
    const known = runMetrics.filter(({ tag }) => value(tag, failed) !== undefined).map(({ tag }) => tag);
    expect(known).to.deep.equal([
      "request_count",
      "error_request_count",
      "completed_request_count",
      "request_error_rate",
      "context_overflow_count",
    ]);
    expect(value("request_error_rate", failed)).to.equal(100);
  });

  it("has the power and energy of GPUs without a success, and nothing that divides by nothing", () => {
    const idle = {
      requestCount: 0,
      goodRequestCount: undefined,
      firstSentNs: undefined,
      concurrency: undefined,
      sum: () => undefined,
    };
    const known = runMetrics.filter(({ tag }) => tag.startsWith("amd_") && value(tag, idle) !== undefined);
    expect(known.map(({ tag }) => tag)).to.deep.equal(["amd_total_gpu_power", "amd_average_gpu_power", "amd_total_gpu_energy"]);
    const unknown = { joules: undefined, averageWatts: undefined, sampledWatts: undefined };
    const ofUnknown = runMetrics.filter(
      ({ tag }) => tag.startsWith("amd_") && value(tag, { gpuEnergy: () => unknown }) !== undefined,
    );
    expect(ofUnknown).to.deep.equal([]);
  });

  it("has no error rate of no requests and no rate over no time", () => {
    expect(value("request_error_rate", { requestCount: 0, errorRequestCount: 0 })).to.equal(undefined);
    expect(value("request_throughput", { lastContentNs: 1e9 })).to.equal(undefined);
  });
});

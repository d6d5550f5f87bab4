import { expect } from "chai";
import { listMetrics, recordMetrics } from "../../../metrics/catalog.ts";
import type { RequestFacts } from "../../../metrics/metric.ts";
import { facts } from "./facts.ts";

function value(tag: string, changes: Partial<RequestFacts> = {}): number | undefined {
  const metric = recordMetrics.find((candidate) => candidate.tag === tag);
  if (metric === undefined) throw new Error(`no metric ${tag}`);
  return metric.value(facts(changes));
}

describe("metrics of a request", () => {
  const expected: readonly (readonly [tag: string, result: number, changes?: Partial<RequestFacts>])[] = [
    ["time_to_first_token", 100],
    ["time_to_second_token", 20],
    ["time_to_first_output_token", 120],
    ["request_latency", 170],
    ["response_time", 172],
    ["decode_duration", 70],
    ["inter_token_latency", 10],
    ["output_token_throughput_per_user", 100],
    ["e2e_output_token_throughput", 8 / 0.17],
    ["prefill_throughput_per_user", 500],
    ["output_sequence_length", 8],
    ["input_sequence_length", 50],
    ["output_token_count", 5],
    ["reasoning_token_count", 3],
    ["requested_osl", 10],
    ["osl_mismatch_diff_pct", -20],
    ["usage_prompt_tokens", 50],
    ["usage_completion_tokens", 8],
    ["usage_total_tokens", 58],
    ["usage_reasoning_tokens", 3],
    ["usage_prompt_cache_read_tokens", 32],
    ["lateness", 2],
    ["stream_setup_latency", 90],
    ["http_req_data_sent", 2],
    ["http_req_data_received", 5],
    ["error_isl", 50, { isFailed: true }],
    ["http_req_blocked", 1],
    ["http_req_dns_lookup", 2],
    ["http_req_connecting", 5],
    ["http_req_sending", 3],
    ["http_req_waiting", 92],
    ["http_req_receiving", 80],
    ["http_req_connection_reused", 0],
    ["http_req_chunks_sent", 1],
    ["http_req_chunks_received", 4],
    ["http_req_connection_overhead", 8],
    ["http_req_duration", 180],
    ["http_req_total", 183],
    ["usage_prompt_cache_write_tokens", 18],
    ["usage_prompt_cache_miss_tokens", 17],
    ["usage_prompt_audio_tokens", 11],
    ["usage_tool_use_prompt_tokens", 6],
    ["usage_prompt_audio_seconds", 1.25],
    ["usage_completion_audio_tokens", 4],
    ["usage_accepted_prediction_tokens", 2],
    ["usage_rejected_prediction_tokens", 1],
    ["usage_prompt_tokens_diff_pct", 25],
    ["usage_completion_tokens_diff_pct", 20],
    ["usage_reasoning_tokens_diff_pct", 50],
    ["stream_prefill_latency", 10],
    ["thinking_efficiency", 0.6],
    ["spec_decode_acceptance_length", 1.75],
    ["spec_decode_draft_acceptance_rate", 25],
    ["spec_decode_accepted_per_verified", 7 / 16],
    ["spec_decode_steps", 4],
    ["spec_decode_accepted_draft_tokens", 3],
    ["spec_decode_draft_tokens", 12],
    ["num_images", 2],
    ["image_throughput", 2 / 0.17],
    ["image_latency", 85],
    ["audio_duration", 8.5],
    ["rtfx", 50],
    ["video_inference_time", 1500],
    ["video_peak_memory", 900],
    ["credit_to_start_latency", 2],
    ["effective_latency", 182],
    ["time_to_first_event", 92],
    ["time_to_first_role", 93],
    ["time_to_first_reasoning", 100],
    ["time_to_first_text", 120],
    ["time_to_first_tool_call", 170],
    ["tokens_per_chunk", 2],
    ["inter_chunk_jitter", 35],
    ["longest_inter_chunk_latency", 50],
    ["output_count", 4],
    ["time_to_first_token_from_due", 102],
    ["num_inferences", 4],
    ["server_time_to_first_token", 60],
    ["server_queue_time", 4],
  ];
  for (const [tag, result, changes] of expected) {
    it(`${tag} is ${result} for the answer of the example`, () => {
      expect(value(tag, changes)).to.be.closeTo(result, 1e-9);
    });
  }

  it("has an expected value for every metric", () => {
    expect(expected.map(([tag]) => tag)).to.deep.equal(recordMetrics.map(({ tag }) => tag));
  });

  it("response_time is the request latency where nothing was due", () => {
    expect(value("response_time", { dueNs: undefined })).to.equal(170);
    expect(value("time_to_first_token_from_due", { dueNs: undefined })).to.equal(undefined);
    expect(value("lateness", { dueNs: undefined })).to.equal(undefined);
  });

  it("lateness is zero, not minus zero, for a request sent when it was due", () => {
    expect(Object.is(value("lateness", { dueNs: 0 }), 0)).to.equal(true);
  });

  it("inter_token_latency needs two output tokens", () => {
    expect(value("inter_token_latency", { outputTokens: 1, reasoningTokens: undefined })).to.equal(undefined);
    expect(value("inter_token_latency", { outputTokens: 2, reasoningTokens: undefined })).to.equal(70);
  });

  it("inter_token_latency of several choices is that of the mean one", () => {
    expect(value("inter_token_latency", { choices: 2 })).to.be.closeTo(70 / 3, 1e-9);
    expect(value("inter_token_latency", { choices: 5 })).to.equal(undefined);
  });

  it("jitter needs three chunks, the longest gap two", () => {
    for (const [tag, chunks] of [
      ["inter_chunk_jitter", 3],
      ["longest_inter_chunk_latency", 2],
    ] as const) {
      const stamps = (count: number) => ({ contentNs: Float64Array.from({ length: count }, (_, index) => index * 1e6) });
      expect(value(tag, stamps(chunks - 1)), tag).to.equal(undefined);
      expect(value(tag, stamps(chunks)), tag).to.equal(tag === "inter_chunk_jitter" ? 0 : 1);
    }
  });

  it("output_token_throughput_per_user is none where all tokens came at once", () => {
    expect(value("output_token_throughput_per_user", { contentNs: Float64Array.of(1e6, 1e6) })).to.equal(undefined);
  });

  it("a rate of nothing proposed, and a difference from nothing counted, are none", () => {
    const specDecode = { steps: 0, accepted: 0, drafted: 0 };
    for (const tag of ["acceptance_length", "draft_acceptance_rate", "accepted_per_verified"]) {
      expect(value(`spec_decode_${tag}`, { specDecode }), tag).to.equal(undefined);
    }
    expect(value("usage_prompt_tokens_diff_pct", { counted: undefined })).to.equal(undefined);
    const counted = { input: 0, completion: undefined, reasoning: undefined };
    expect(value("usage_prompt_tokens_diff_pct", { counted })).to.equal(undefined);
  });

  it("a request that was issued after it was due waited from then on", () => {
    expect(value("credit_to_start_latency", { dueNs: -9e6 })).to.equal(3);
    expect(value("effective_latency", { dueNs: -9e6 })).to.equal(183);
    expect(value("effective_latency", { dueNs: undefined })).to.equal(undefined);
  });

  it("error_isl is of requests that failed alone", () => {
    expect(value("error_isl")).to.equal(undefined);
  });

  it("output_sequence_length counts what is known of output and reasoning", () => {
    expect(value("output_sequence_length", { reasoningTokens: undefined })).to.equal(5);
    expect(value("output_sequence_length", { outputTokens: undefined })).to.equal(3);
    expect(value("output_sequence_length", { outputTokens: undefined, reasoningTokens: undefined })).to.equal(undefined);
  });

  it("steps of opening a connection are zero where it was open", () => {
    const open = { connectNs: undefined, dnsNs: undefined, isConnectionReused: true };
    const values = ["http_req_dns_lookup", "http_req_connecting", "http_req_connection_overhead", "http_req_connection_reused"];
    expect(values.map((tag) => value(tag, open))).to.deep.equal([0, 0, 1, 1]);
  });

  it("an answer that begins before the request has left ends its sending", () => {
    const early = { writtenNs: 150e6 };
    const steps = ["http_req_sending", "http_req_waiting", "http_req_receiving"].map((tag) => value(tag, early));
    expect(steps).to.deep.equal([95, 0, 80]);
  });

  it("a request that never left whole has no time of sending, and no total", () => {
    const cut = { writtenNs: undefined };
    for (const tag of ["http_req_sending", "http_req_waiting", "http_req_total"]) expect(value(tag, cut)).to.equal(undefined);
    expect(value("http_req_duration", cut)).to.equal(180);
  });

  it("an answer without a body is received with its head", () => {
    const empty = { firstReadNs: undefined, lastReadNs: undefined, bodyReads: 0 };
    const steps = ["http_req_waiting", "http_req_receiving", "http_req_chunks_received"].map((tag) => value(tag, empty));
    expect(steps).to.deep.equal([87, 0, 0]);
  });

  it("only metrics that do not depend on the answer are of failures too", () => {
    const ofFailures = recordMetrics.filter(({ isOfFailures }) => isOfFailures).map(({ tag }) => tag);
    expect(ofFailures).to.deep.equal(["requested_osl", "lateness", "http_req_data_sent", "http_req_data_received", "error_isl"]);
  });
});

describe("inter_chunk_latency", () => {
  const [interChunkLatency] = listMetrics;

  it("is every gap between chunks with content, in ms", () => {
    expect([...(interChunkLatency?.values(facts().contentNs) ?? [])]).to.deep.equal([20, 0, 50]);
  });

  it("is empty with fewer than two chunks", () => {
    for (const ns of [[], [1e6]]) expect(interChunkLatency?.values(Float64Array.from(ns))).to.have.lengthOf(0);
  });
});

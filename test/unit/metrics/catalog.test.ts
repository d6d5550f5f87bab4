import { expect } from "chai";
import {
  adjustedMetrics,
  listMetrics,
  metricsByTag,
  networkAdjustedMetrics,
  recordMetrics,
  runMetrics,
} from "../../../metrics/catalog.ts";
import { sweepMetrics } from "../../../metrics/sweep-line.ts";
import { facts } from "./facts.ts";

const all = [...metricsByTag.values()];

describe("the catalog of metrics", () => {
  it("has each tag once", () => {
    const lists = [recordMetrics, listMetrics, runMetrics, adjustedMetrics, networkAdjustedMetrics, sweepMetrics];
    expect(all.length).to.equal(lists.flat().length);
  });

  it("has tags that are names of columns", () => {
    for (const { tag } of all) expect(tag).to.match(/^[a-z][a-z0-9_]*$/);
  });

  it("shows each metric on a row of its own, in AIPerf's order", () => {
    const shown = all.filter(({ consoleOrder, group }) => consoleOrder !== undefined && group?.startsWith("gpu") !== true);
    const ordered = shown.sort((one, other) => (one.consoleOrder ?? 0) - (other.consoleOrder ?? 0)).map(({ tag }) => tag);
    expect(ordered).to.deep.equal([
      "time_to_first_token",
      "network_adjusted_time_to_first_token",
      "time_to_first_token_from_due",
      "server_time_to_first_token",
      "server_queue_time",
      "time_to_second_token",
      "time_to_first_output_token",
      "network_adjusted_time_to_first_output_token",
      "time_to_first_tool_call",
      "request_latency",
      "network_adjusted_request_latency",
      "response_time",
      "network_rtt",
      "video_inference_time",
      "video_peak_memory",
      "lateness",
      "decode_duration",
      "inter_token_latency",
      "output_token_throughput_per_user",
      "e2e_output_token_throughput",
      "output_sequence_length",
      "input_sequence_length",
      "output_token_throughput",
      "input_token_throughput",
      "rtfx",
      "image_throughput",
      "image_latency",
      "request_throughput",
      "inference_throughput",
      "goodput",
      "good_token_throughput",
      "completed_request_count",
      "request_error_rate",
      "correct_request_rate",
      "request_count",
      "spec_decode_acceptance_length",
      "spec_decode_token_weighted_acceptance_length",
      "spec_decode_draft_acceptance_rate",
      "spec_decode_overall_draft_acceptance_rate",
      "spec_decode_accepted_per_verified",
      "spec_decode_steps",
    ]);
  });

  it("shows what GPUs of a vendor used in AIPerf's order", () => {
    for (const vendor of ["nvidia", "amd"]) {
      const rows = all.filter(({ group }) => group === `gpu_power_efficiency_${vendor}`);
      const ordered = rows.sort((one, other) => (one.consoleOrder ?? 0) - (other.consoleOrder ?? 0)).map(({ tag }) => tag);
      expect(ordered).to.deep.equal(
        [
          "energy_delay_product",
          "performance_per_watt",
          "output_tps_per_watt",
          "goodput_per_watt",
          "average_gpu_power",
          "total_gpu_energy",
          "total_gpu_power",
          "energy_per_total_token",
          "energy_per_output_token",
          "energy_per_request",
          "output_tokens_per_joule",
          "energy_per_user",
        ].map((tag) => `${vendor}_${tag}`),
      );
    }
  });

  it("has every value of a record at the place that files and the wire rely on", () => {
    expect(recordMetrics.map(({ tag }) => tag)).to.deep.equal([
      "time_to_first_token",
      "time_to_second_token",
      "time_to_first_output_token",
      "request_latency",
      "response_time",
      "decode_duration",
      "inter_token_latency",
      "output_token_throughput_per_user",
      "e2e_output_token_throughput",
      "prefill_throughput_per_user",
      "output_sequence_length",
      "input_sequence_length",
      "output_token_count",
      "reasoning_token_count",
      "requested_osl",
      "osl_mismatch_diff_pct",
      "usage_prompt_tokens",
      "usage_completion_tokens",
      "usage_total_tokens",
      "usage_reasoning_tokens",
      "usage_prompt_cache_read_tokens",
      "lateness",
      "stream_setup_latency",
      "http_req_data_sent",
      "http_req_data_received",
      "error_isl",
      "http_req_blocked",
      "http_req_dns_lookup",
      "http_req_connecting",
      "http_req_sending",
      "http_req_waiting",
      "http_req_receiving",
      "http_req_connection_reused",
      "http_req_chunks_sent",
      "http_req_chunks_received",
      "http_req_connection_overhead",
      "http_req_duration",
      "http_req_total",
      "usage_prompt_cache_write_tokens",
      "usage_prompt_cache_miss_tokens",
      "usage_prompt_audio_tokens",
      "usage_tool_use_prompt_tokens",
      "usage_prompt_audio_seconds",
      "usage_completion_audio_tokens",
      "usage_accepted_prediction_tokens",
      "usage_rejected_prediction_tokens",
      "usage_prompt_tokens_diff_pct",
      "usage_completion_tokens_diff_pct",
      "usage_reasoning_tokens_diff_pct",
      "stream_prefill_latency",
      "thinking_efficiency",
      "spec_decode_acceptance_length",
      "spec_decode_draft_acceptance_rate",
      "spec_decode_accepted_per_verified",
      "spec_decode_steps",
      "spec_decode_accepted_draft_tokens",
      "spec_decode_draft_tokens",
      "num_images",
      "image_throughput",
      "image_latency",
      "audio_duration",
      "rtfx",
      "video_inference_time",
      "video_peak_memory",
      "credit_to_start_latency",
      "effective_latency",
      "time_to_first_event",
      "time_to_first_role",
      "time_to_first_reasoning",
      "time_to_first_text",
      "time_to_first_tool_call",
      "tokens_per_chunk",
      "inter_chunk_jitter",
      "longest_inter_chunk_latency",
      "output_count",
      "time_to_first_token_from_due",
      "num_inferences",
      "server_time_to_first_token",
      "server_queue_time",
    ]);
  });

  it("gives a finite value or none, whatever is missing from a record", () => {
    const absent = { dueNs: undefined, firstByteNs: undefined, firstOutputNs: undefined, firsts: undefined, usage: undefined };
    const uncounted = {
      inputTokens: undefined,
      outputTokens: undefined,
      reasoningTokens: undefined,
      requestedOutputTokens: undefined,
    };
    const stamps = [[], [0], [5e6], [5e6, 5e6], [0, 1e6, 9e6]].map((ns) => Float64Array.from(ns));
    for (const contentNs of stamps) {
      for (const change of [
        absent,
        uncounted,
        { ...absent, ...uncounted },
        { outputTokens: 0 },
        { outputTokens: 1 },
        { requestedOutputTokens: 0 },
      ]) {
        for (const isStreaming of [true, false]) {
          for (const { tag, value } of recordMetrics) {
            const result = value(facts({ ...change, contentNs, isStreaming }));
            expect(result === undefined || Number.isFinite(result), tag).to.equal(true);
          }
        }
      }
    }
  });

  it("gives no value of a stream to an answer in one document", () => {
    const document = facts({ isStreaming: false, contentNs: Float64Array.of(5e6) });
    const streaming = recordMetrics.filter(({ flags }) => flags?.includes("streaming"));
    expect(streaming).to.have.lengthOf(18);
    for (const { tag, value } of streaming) expect(value(document), tag).to.equal(undefined);
  });
});

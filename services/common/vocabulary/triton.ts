/**
 * Triton Inference Server, and its TensorRT-LLM backend's gauges. Times are of requests that succeeded: counters of microseconds that all took
 * together, summaries where the server is told to keep them.
 */
import { type ServerWords, startingWith, word } from "./common.ts";

const seconds = { scale: 1e-6 };
const summed = { scale: 1e-6, of: "together", rank: 1 } as const;

export const tritonWords: ServerWords = {
  server: "triton",
  bare: startingWith("nv_"),
  rows: [
    word("running", "trt_llm_request_metrics", { where: { label: "request_type", is: ["scheduled"] } }),
    word("waiting", "inference_pending_request_count"),
    word("waiting", "trt_llm_request_metrics", { where: { label: "request_type", is: ["waiting"] }, rank: 1 }),
    word("kv_cache_usage", "trt_llm_kv_cache_block_metrics", { where: { label: "kv_cache_block_type", is: ["fraction"] } }),
    word("requests_succeeded", "inference_request_success"),
    word("requests_failed", "inference_request_failure"),
    word("ttft", "inference_first_response_histogram_ms", { scale: 1e-3 }),
    word("e2e", "inference_request_summary_us", seconds),
    word("e2e", "inference_request_duration_us", summed),
    word("queue", "inference_queue_summary_us", seconds),
    word("queue", "inference_queue_duration_us", summed),
  ],
};

/** `trtllm-serve` (`tensorrt_llm/metrics/collector.py`), with the older prefix, too, which Dynamo passes on. */
import { type ServerWords, startingWith, word } from "./common.ts";

const given = ["abort", "error", "cancelled"];

export const trtllmWords: ServerWords = {
  server: "trtllm",
  bare: startingWith("trtllm_", "trtllm:"),
  rows: [
    word("running", "num_requests_running"),
    word("waiting", "num_requests_waiting"),
    word("kv_cache_usage", "kv_cache_utilization"),
    word("prompt_tokens", "prompt_tokens"),
    word("generation_tokens", "generation_tokens"),
    word("requests_succeeded", "request_success", { where: { label: "finished_reason", not: given } }),
    word("requests_failed", "request_success", { where: { label: "finished_reason", is: given } }),
    word("ttft", "time_to_first_token_seconds"),
    word("itl", "time_per_output_token_seconds"),
    word("e2e", "e2e_request_latency_seconds"),
    word("queue", "request_queue_time_seconds"),
  ],
};

/** vLLM (`vllm/v1/metrics/loggers.py`), also as a backend of Triton's and below Dynamo. */
import { type ServerWords, startingWith, word } from "./common.ts";

const given = ["abort", "error"];

export const vllmWords: ServerWords = {
  server: "vllm",
  bare: startingWith("vllm:"),
  rows: [
    word("running", "num_requests_running"),
    word("waiting", "num_requests_waiting"),
    word("kv_cache_usage", "kv_cache_usage_perc"),
    // Until 0.10.
    word("kv_cache_usage", "gpu_cache_usage_perc", { rank: 1 }),
    word("prompt_tokens", "prompt_tokens"),
    word("generation_tokens", "generation_tokens"),
    word("requests_succeeded", "request_success", { where: { label: "finished_reason", not: given } }),
    word("requests_failed", "request_success", { where: { label: "finished_reason", is: given } }),
    word("ttft", "time_to_first_token_seconds"),
    word("itl", "inter_token_latency_seconds"),
    // The older name, which releases of the change print beside the newer.
    word("itl", "time_per_output_token_seconds", { rank: 1 }),
    word("e2e", "e2e_request_latency_seconds"),
    word("queue", "request_queue_time_seconds"),
    word("preemptions", "num_preemptions"),
    word("prefix_cache_hits", "prefix_cache_hits"),
    word("prefix_cache_hits", "gpu_prefix_cache_hits", { rank: 1 }),
    word("prefix_cache_queries", "prefix_cache_queries"),
    word("prefix_cache_queries", "gpu_prefix_cache_queries", { rank: 1 }),
    word("spec_decode_drafts", "spec_decode_num_drafts"),
    word("spec_decode_draft_tokens", "spec_decode_num_draft_tokens"),
    word("spec_decode_accepted_tokens", "spec_decode_num_accepted_tokens"),
  ],
};

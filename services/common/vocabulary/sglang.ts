/** SGLang with `--enable-metrics`. It says nothing of how many tokens were looked up in its prefix cache. */
import { type ServerWords, startingWith, word } from "./common.ts";

export const sglangWords: ServerWords = {
  server: "sglang",
  bare: startingWith("sglang:", "sglang_"),
  rows: [
    word("running", "num_running_reqs"),
    word("waiting", "num_queue_reqs"),
    word("kv_cache_usage", "token_usage"),
    word("prompt_tokens", "prompt_tokens"),
    word("generation_tokens", "generation_tokens"),
    word("requests_succeeded", "num_requests"),
    word("requests_failed", "num_aborted_requests"),
    word("ttft", "time_to_first_token_seconds"),
    word("itl", "inter_token_latency_seconds"),
    word("itl", "time_per_output_token_seconds", { rank: 1 }),
    word("e2e", "e2e_request_latency_seconds"),
    word("queue", "queue_time_seconds"),
    word("prefix_cache_hits", "cached_tokens"),
  ],
};

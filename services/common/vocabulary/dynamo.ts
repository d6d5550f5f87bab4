/**
 * Dynamo's frontend (`lib/runtime/src/metrics/prometheus_names.rs`), whose prefix can be changed. Its workers pass their engines' metrics on, which
 * have the engines' words.
 */
import { type ServerWords, word } from "./common.ts";

const marker = "_frontend_";

export const dynamoWords: ServerWords = {
  server: "dynamo",
  bare: (printed) => {
    const at = printed.indexOf(marker);
    return at <= 0 ? undefined : printed.slice(at + marker.length);
  },
  rows: [
    word("running", "inflight_requests"),
    word("waiting", "queued_requests"),
    word("prompt_tokens", "input_sequence_tokens_sum"),
    word("generation_tokens", "output_tokens"),
    word("generation_tokens", "output_sequence_tokens_sum", { rank: 1 }),
    word("requests_succeeded", "requests", { where: { label: "status", is: ["success"] } }),
    word("requests_failed", "requests", { where: { label: "status", is: ["error"] } }),
    word("ttft", "time_to_first_token_seconds"),
    word("itl", "inter_token_latency_seconds"),
    word("e2e", "request_duration_seconds"),
    word("prefix_cache_hits", "cached_tokens_sum"),
  ],
};

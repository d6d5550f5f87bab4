/** Hugging Face's text-generation-inference. Tokens are the sums of its histograms of lengths. */
import { type ServerWords, startingWith, word } from "./common.ts";

export const tgiWords: ServerWords = {
  server: "tgi",
  bare: startingWith("tgi_"),
  rows: [
    word("running", "batch_current_size"),
    word("waiting", "queue_size"),
    word("prompt_tokens", "request_input_length_sum"),
    word("generation_tokens", "request_generated_tokens_sum"),
    word("requests_succeeded", "request_success"),
    word("requests_failed", "request_failure"),
    word("itl", "request_mean_time_per_token_duration"),
    word("e2e", "request_duration"),
    word("queue", "request_queue_duration"),
  ],
};

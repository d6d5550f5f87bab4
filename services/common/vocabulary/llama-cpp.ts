/** llama.cpp's server with `--metrics`. It counts tokens and no requests. */
import { type ServerWords, startingWith, word } from "./common.ts";

export const llamaCppWords: ServerWords = {
  server: "llama.cpp",
  bare: startingWith("llamacpp:"),
  rows: [
    word("running", "requests_processing"),
    word("waiting", "requests_deferred"),
    word("kv_cache_usage", "kv_cache_usage_ratio"),
    word("prompt_tokens", "prompt_tokens"),
    word("generation_tokens", "tokens_predicted"),
  ],
};

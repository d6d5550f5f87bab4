/** llama.cpp's own server with a small model, as `llama/start.sh` runs it, and what it says of itself. */
import { sumOf } from "./metrics-page.ts";
import { type RealServer, startRealServer } from "./real-server.ts";

export const model = "smollm2-135m-instruct";

/** What the server has counted since its start. */
export interface Counted {
  readonly promptTokens: number;
  /** Of the prompts' tokens, those that were in its cache. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

/** What it says of one request, in its last event or its document. */
export interface Told {
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
  /** Until the first token was drawn, and from then to the last one. */
  readonly timings: { readonly prompt_ms: number; readonly predicted_ms: number; readonly predicted_n: number };
}

export interface LlamaServer extends RealServer {
  readonly port: number;
  counted(): Promise<Counted>;
}

/** A server that decodes so many requests together. */
export async function startLlama({ slots = 2 } = {}): Promise<LlamaServer> {
  const server = await startRealServer("llama", { LLAMA_SLOTS: String(slots) });
  return {
    ...server,
    port: Number(new URL(server.url).port),
    async counted() {
      const page = await server.page("/metrics");
      const cachedTokens = sumOf(page, "llamacpp:prompt_tokens_cached_total");
      return {
        // Its counter of prompt tokens is of those that it had to work on.
        promptTokens: sumOf(page, "llamacpp:prompt_tokens_total") + cachedTokens,
        cachedTokens,
        outputTokens: sumOf(page, "llamacpp:tokens_predicted_total"),
      };
    },
  };
}

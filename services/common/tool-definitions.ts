/** Tools by whose formulas TTFT, TPOT, ITL and E2E can be told, too. */

export const DEFINITIONS = ["aiperf", "vllm", "sglang", "guidellm", "inference-perf", "genai-perf", "llmperf", "mlperf"] as const;
export type Definition = (typeof DEFINITIONS)[number];

/** Those that look at events without content: their moments are kept at the raw level alone. */
export const NEEDS_EVENTS: ReadonlySet<Definition> = new Set(["vllm", "sglang"]);

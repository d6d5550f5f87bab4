/** How a server is asked for exactly so many tokens, in its own spelling. Pure. */

/** `auto`: what vLLM, SGLang and TensorRT-LLM all take. */
export const lengthDialects = ["auto", "vllm", "sglang", "trtllm", "llamacpp"] as const;

export type LengthDialect = (typeof lengthDialects)[number];

/** Undefined: nothing is forced. */
export function lengthDialectOf(text: string): LengthDialect | undefined {
  return lengthDialects.find((dialect) => dialect === text);
}

/** Fields of the body beside the length that is asked for; none where none is. llama.cpp knows no least length. */
export function forcedLength(
  dialect: LengthDialect | undefined,
  tokens: number | undefined,
): Readonly<Record<string, boolean | number>> {
  if (dialect === undefined || tokens === undefined) return {};
  return dialect === "llamacpp" ? { ignore_eos: true } : { ignore_eos: true, min_tokens: tokens };
}

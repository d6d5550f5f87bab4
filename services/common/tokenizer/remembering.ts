/** A counter that counts each text once, as long as it remembers it. Pure but for what it keeps. */
import type { TokenCounter } from "./source.ts";

/** @param keptChars of texts that are remembered; when they are more, those used longest ago go */
export function rememberingCounter(count: TokenCounter, keptChars: number): TokenCounter {
  const known = new Map<string, number>();
  let chars = 0;
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) {
      // Moved to the end: the map's order is the order of use.
      known.delete(text);
      known.set(text, before);
      return before;
    }
    const tokens = count(text);
    known.set(text, tokens);
    chars += text.length;
    for (const oldest of known.keys()) {
      if (chars <= keptChars || oldest === text) break;
      known.delete(oldest);
      chars -= oldest.length;
    }
    return tokens;
  };
}

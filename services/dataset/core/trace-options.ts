/** Options of traces that some formats alone have a use for, by the names of their fields in a spec's file. Pure. */
import type { ReaderOptions, TraceOptions } from "./formats/format.ts";

export type TraceField =
  | "block_tokens"
  | "is_open_loop"
  | "is_open_loop_strict"
  | "omits_kv_hints"
  | "forces_min_tokens"
  | "session_share"
  | "uses_think_time_only"
  | "max_context_tokens"
  | "trace_idle_gap_cap_sec";

/** Those that ask for something else than is done anyway. */
export function askedFields({ blockTokens, trace = {} }: Pick<ReaderOptions, "blockTokens" | "trace">): TraceField[] {
  const asked = [["block_tokens", blockTokens !== undefined] as const, ...askedOf(trace)];
  return asked.flatMap(([field, isAsked]) => (isAsked ? [field] : []));
}

function askedOf(trace: TraceOptions): (readonly [TraceField, boolean])[] {
  const { isOpenLoop = true, isStrict = false, omitsKvHints = false, forcesMinTokens = true, sessionShare = 1 } = trace;
  const { usesThinkTimeOnly = false, maxContextTokens, idleGapCapSec } = trace;
  return [
    ["is_open_loop", !isOpenLoop],
    ["is_open_loop_strict", isStrict],
    ["omits_kv_hints", omitsKvHints],
    ["forces_min_tokens", !forcesMinTokens],
    ["session_share", sessionShare !== 1],
    ["uses_think_time_only", usesThinkTimeOnly],
    ["max_context_tokens", maxContextTokens !== undefined],
    ["trace_idle_gap_cap_sec", idleGapCapSec !== undefined],
  ];
}

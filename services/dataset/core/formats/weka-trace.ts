/**
 * AIPerf's `weka_trace`, sessions of coding agents as Weka's KV cache tester records them: a row, mostly a file by itself, is a session,
 * `{"id": "s1", "models": ["m"], "block_size": 64, "hash_id_scope": "local", "requests": [{"t": 0, "type": "n", "model": "m",
 * "in": 130, "out": 20, "hash_ids": [1, 2], "api_time": 1.5, "think_time": 0}]}`.
 *
 * - A request (`type` n, or s where its answer was streamed) began at `t` seconds and took `api_time`; its prompt had `in` tokens, the
 *   first of them the blocks `hash_ids`, its answer `out`. The prompt is made; blocks of the same name are the same text within a session.
 *   Each is sent with its own prompt alone, which has all that was said.
 * - `{"type": "subagent", "agent_id": "a", "t": 5, "duration_ms": 900, "requests": […]}` marks an agent that the session began: a session
 *   by itself, spawned after the request before it, and waited for by the first one that began when it had ended.
 * - Agents that are not marked are found by their blocks (`weka-chains.ts`), at both levels, and spawned likewise.
 * - A request is sent as long after the answer before, and after those that it waited for, as was recorded; `think_time` in its place where
 *   that is asked for.
 * - What is asked for is one of the run's models: the recorded ones have other names at the target.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import type { TraceSynthesis } from "../trace-synthesis.ts";
import type { Format, ReaderOptions, RowReader } from "./format.ts";
import type { ReadRow, Row } from "./row.ts";
import { readWekaRow, type WekaTrace, wekaFields } from "./weka-row.ts";
import { sessionsOf } from "./weka-sessions.ts";

export const wekaTraceFormat: Format = {
  name: "weka_trace",
  fields: wekaFields,
  boundsLengths: true,
  takes: ["block_tokens", "uses_think_time_only", "max_context_tokens", "trace_idle_gap_cap_sec"],
  recognizes: (row) => Array.isArray(row.requests),
  createReader: (options) => new WekaReader(options),
};

class WekaReader implements RowReader {
  readonly #options: ReaderOptions;
  readonly #rows: Row[] = [];
  readonly #ids = new Set<string>();
  #sessions = 0;
  #blocks = 0;
  #tooLong = 0;
  #leftOut = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  read = (row: JsonObject): ReadRow => {
    const { blockTokens, maxConversations, trace = {} } = this.#options;
    const read = readWekaRow(row, blockTokens);
    if ("problem" in read) return read;
    const { id } = read.value;
    if (this.#ids.has(id)) return { problem: { field: "id", message: `${id} is the id of an earlier trace` } };
    this.#ids.add(id);
    if (peakTokens(read.value) > (trace.maxContextTokens ?? Number.POSITIVE_INFINITY)) {
      this.#tooLong++;
      return { row: undefined };
    }
    if (this.#sessions >= maxConversations) return { row: undefined };
    const bounded = withinBounds(read.value, trace.synthesis);
    this.#leftOut += bounded.leftOut;
    if (bounded.trace.calls.length === 0) return { row: undefined };
    const { usesThinkTimeOnly = false, idleGapCapSec } = trace;
    const options = { usesThinkTimeOnly, idleGapCapSec, nameBlock: () => this.#blocks++ };
    const sessions = sessionsOf(bounded.trace, options);
    if ("problem" in sessions) return sessions;
    this.#sessions++;
    for (const session of sessions.rows) this.#rows.push(session);
    return { row: undefined };
  };

  finish = (): readonly Row[] => this.#rows;

  notes = (): readonly string[] => {
    const count = this.#tooLong;
    const most = this.#options.trace?.maxContextTokens;
    const traces = count === 1 ? "1 trace was" : `${count} traces were`;
    const requests =
      this.#leftOut === 1 ? "1 request of a longer prompt was" : `${this.#leftOut} requests of longer prompts were`;
    return [
      ...(count === 0
        ? []
        : [`${traces} left out: a prompt and its answer have more than ${most} tokens (--max-context-length)`]),
      ...(this.#leftOut === 0 ? [] : [`${requests} left out (--synthesis-max-isl)`]),
    ];
  };
}

/** Without the session's own requests of longer prompts, and with its answers cut; agents that were marked are left as they are, as in AIPerf. */
function withinBounds(
  trace: WekaTrace,
  { maxInputTokens, maxOutputTokens }: Pick<TraceSynthesis, "maxInputTokens" | "maxOutputTokens"> = unbounded,
): { readonly trace: WekaTrace; readonly leftOut: number } {
  const kept = trace.calls.filter(({ inputTokens }) => inputTokens <= maxInputTokens);
  const calls = kept.map((call) => ({ ...call, outputTokens: Math.min(call.outputTokens, maxOutputTokens) }));
  return { trace: { ...trace, calls }, leftOut: trace.calls.length - calls.length };
}

const unbounded = { maxInputTokens: Number.POSITIVE_INFINITY, maxOutputTokens: Number.POSITIVE_INFINITY };

/** Tokens of the longest prompt with its answer. */
function peakTokens({ calls, subagents }: WekaTrace): number {
  let peak = 0;
  for (const { inputTokens, outputTokens } of [...calls, ...subagents.flatMap((agent) => agent.calls)]) {
    peak = Math.max(peak, inputTokens + outputTokens);
  }
  return peak;
}

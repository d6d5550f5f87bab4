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
import type { Format, ReaderOptions, RowReader } from "./format.ts";
import type { ReadRow, Row } from "./row.ts";
import { KeptTraces } from "./weka-kept.ts";
import { readWekaRow, wekaFields } from "./weka-row.ts";

export const wekaTraceFormat: Format = {
  name: "weka_trace",
  fields: wekaFields,
  boundsLengths: true,
  takes: ["block_tokens", "uses_think_time_only", "max_context_tokens", "trace_idle_gap_cap_sec"],
  recognizes: (row) => Array.isArray(row.requests),
  createReader: (options) => new WekaReader(options),
};

class WekaReader implements RowReader {
  readonly #blockTokens: number | undefined;
  readonly #ids = new Set<string>();
  readonly #kept: KeptTraces;

  constructor(options: ReaderOptions) {
    this.#blockTokens = options.blockTokens;
    this.#kept = new KeptTraces(options);
  }

  read = (row: JsonObject): ReadRow => {
    const read = readWekaRow(row, this.#blockTokens);
    if ("problem" in read) return read;
    const { id } = read.value;
    if (this.#ids.has(id)) return { problem: { field: "id", message: `${id} is the id of an earlier trace` } };
    this.#ids.add(id);
    const problem = this.#kept.add(read.value);
    return problem === undefined ? { row: undefined } : { problem };
  };

  finish = (): readonly Row[] => this.#kept.rows;

  notes = (): readonly string[] => this.#kept.notes();
}

/** The sessions of traces that are kept, of whatever format they came. Pure but for what it keeps. */
import type { TraceSynthesis } from "../trace-synthesis.ts";
import type { ReaderOptions } from "./format.ts";
import type { Row, RowProblem } from "./row.ts";
import type { WekaTrace } from "./weka-row.ts";
import { sessionsOf } from "./weka-sessions.ts";

export class KeptTraces {
  readonly #options: ReaderOptions;
  readonly #rows: Row[] = [];
  #sessions = 0;
  #blocks = 0;
  #tooLong = 0;
  #leftOut = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Sessions and their agents, in the order of the traces. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Undefined: taken, or not wanted. */
  add(trace: WekaTrace): RowProblem | undefined {
    const { maxConversations, trace: asked = {} } = this.#options;
    if (peakTokens(trace) > (asked.maxContextTokens ?? Number.POSITIVE_INFINITY)) {
      this.#tooLong++;
      return undefined;
    }
    if (this.#sessions >= maxConversations) return undefined;
    const bounded = withinBounds(trace, asked.synthesis);
    this.#leftOut += bounded.leftOut;
    if (bounded.trace.calls.length === 0) return undefined;
    const { usesThinkTimeOnly = false, idleGapCapSec } = asked;
    const sessions = sessionsOf(bounded.trace, { usesThinkTimeOnly, idleGapCapSec, nameBlock: () => this.#blocks++ });
    if ("problem" in sessions) return sessions.problem;
    this.#sessions++;
    for (const session of sessions.rows) this.#rows.push(session);
    return undefined;
  }

  /** What was left out, for people, one line each. */
  notes(): readonly string[] {
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
  }
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

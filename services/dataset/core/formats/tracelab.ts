/**
 * AIPerf's `tracelab`: the TraceLab corpus of coding agents, a row for each request of a model, `{"session_id": "claude:1", "round_index": 0,
 * "model": "m", "input_tokens_total": 900, "prefix_tokens": 0, "newly_append_tokens": 900, "output_tokens": 40, "timing_events":
 * [{"event_type": "user_message", "timestamp": "2026-04-29T00:03:18Z"}, {"event_type": "text", "timestamp": "2026-04-29T00:03:21Z"}]}`.
 *
 * - A request was sent when the last message or result of a tool before it came, and took until the last that the model said; rows without
 *   such events are left out. Rows of a session are its requests, by the time at which they were sent.
 * - Its prompt had `input_tokens_total` tokens, of which the engine had the first `prefix_tokens`: so many whole blocks are those of the
 *   request before. Its answer had `output_tokens` and `reasoning_output_tokens`.
 * - Which session another one began is not recorded: `tracelab-agents.ts` finds it by their times. From there on it is as of `weka_trace`.
 */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import type { Format, LateProblem, PlaceOf, ReaderOptions, RowReader, RowSource } from "./format.ts";
import { isGiven, isName, type ReadRow, type Row, shownValue } from "./row.ts";
import { isoMs } from "./timed-rows.ts";
import { maxTokens, type Read, unexpected, type wrong } from "./trace-fields.ts";
import { type Agent, agentsOf, earliest, latest, type Round, type Session, type ToolCall } from "./tracelab-agents.ts";
import { KeptTraces } from "./weka-kept.ts";
import type { WekaCall, WekaSubagent, WekaTrace } from "./weka-row.ts";

const told = [
  "session_id",
  "round_index",
  "input_tokens_total",
  "prefix_tokens",
  "newly_append_tokens",
  "timing_events",
] as const;
const usualBlockTokens = 64;
/** Events that a request was sent after, and those of its answer. */
const inputEvents: ReadonlySet<unknown> = new Set(["user_message", "tool_result"]);
const outputEvents: ReadonlySet<unknown> = new Set(["text", "reasoning", "tool_call"]);

export const tracelabFormat: Format = {
  name: "tracelab",
  fields: [
    ...["type", ...told, "output_tokens", "reasoning_output_tokens", "model", "provider", "user", "project", "tools"],
    ...["trace_key", "first_input_event_type", "event_type", "timestamp"],
    ...["tool_name", "emitted_at", "result_at", "tool_wall_latency_ms"],
  ],
  textFields: ["type", "session_id", "model", "provider", "user", "project", "trace_key", "first_input_event_type"],
  boundsLengths: true,
  takes: ["block_tokens", "uses_think_time_only", "max_context_tokens", "trace_idle_gap_cap_sec"],
  recognizes: (row) => told.every((field) => field in row),
  createReader: (options) => new TracelabReader(options),
};

class TracelabReader implements RowReader {
  readonly #blockTokens: number;
  readonly #kept: KeptTraces;
  readonly #sessions = new Map<string, Session & { readonly rounds: Round[] }>();
  readonly #places = new Map<string, PlaceOf | undefined>();
  #undated = 0;
  #joined = 0;

  constructor(options: ReaderOptions) {
    this.#blockTokens = options.blockTokens ?? usualBlockTokens;
    this.#kept = new KeptTraces(options);
  }

  read = (row: JsonObject, _source: RowSource, placeOf?: PlaceOf): ReadRow => {
    const { type, session_id: id, provider, user, project } = row;
    if (isGiven(type) && type !== "tracelab") return unexpected("type", '"tracelab"', type);
    if (!isName(id)) return unexpected("session_id", "a text that is not empty", id);
    const round = readRound(row);
    if ("problem" in round) return round;
    const session = this.#sessions.get(id) ?? {
      id,
      isAsync: provider === "codex",
      owner: JSON.stringify([user ?? null, project ?? null]),
      rounds: [],
    };
    if (!this.#sessions.has(id)) this.#places.set(id, placeOf);
    this.#sessions.set(id, session);
    session.rounds.push(round.value);
    return { row: undefined };
  };

  finish = (): readonly (Row | LateProblem)[] => {
    const sessions: readonly Session[] = [...this.#sessions.values()];
    const agents = agentsOf(sessions);
    const left = new Set<Session>(sessions);
    const names = namesOf(sessions);
    const build = (session: Session): LateProblem | undefined => {
      left.delete(session);
      const trace = this.#traceOf(session, agents.get(session) ?? [], names, (placed) => left.delete(placed));
      if (trace === undefined) return undefined;
      const problem = this.#kept.add(trace);
      const placeOf = this.#places.get(session.id) ?? (() => ({ line: 0, column: 0 }));
      return problem && { problem, placeOf };
    };
    const begun = new Set([...agents.values()].flat().map(({ session }) => session));
    const problems = sessions.filter((session) => !begun.has(session)).map(build);
    // An agent that began before all that its session sent is a session by itself.
    problems.push(...[...left].map(build));
    return [...problems.filter((problem) => problem !== undefined), ...this.#kept.rows];
  };

  notes = (): readonly string[] => [
    ...(this.#undated === 0 ? [] : [`rows without a moment of a message, a result or an answer were left out: ${this.#undated}`]),
    ...(this.#joined === 0 ? [] : [`sessions that are agents of others, by their times: ${this.#joined}`]),
    ...this.#kept.notes(),
  ];

  /** Undefined: none of its rounds has a moment. */
  #traceOf(
    session: Session,
    agents: readonly Agent[],
    names: ReadonlyMap<Session, string>,
    onPlaced: (session: Session) => void,
  ): WekaTrace | undefined {
    const rounds = datedRounds(session);
    this.#undated += session.rounds.length - rounds.length;
    const [first] = rounds;
    if (first === undefined) return undefined;
    const zeroSec = first.sentSec;
    let blocks = 0;
    // A session and its agents share their blocks' names, so that none is named twice.
    const nameBlock = (): number => ++blocks;
    const calls = callsOf(rounds, zeroSec, this.#blockTokens, nameBlock);
    const placed: { readonly after: number; readonly agent: Omit<WekaSubagent, "index"> }[] = [];
    for (const { session: other, startSec, tookSec } of agents) {
      const own = datedRounds(other);
      const atSec = startSec - zeroSec;
      const after = calls.findLastIndex((call) => call.atSec <= atSec);
      if (own.length === 0 || after < 0) continue;
      this.#undated += other.rounds.length - own.length;
      const agentCalls = callsOf(own, zeroSec, this.#blockTokens, nameBlock);
      placed.push({
        after,
        agent: { agentId: names.get(other) ?? other.id, atSec, endSec: atSec + tookSec, calls: agentCalls },
      });
      this.#joined++;
      onPlaced(other);
    }
    placed.sort((one, other) => one.after - other.after || one.agent.atSec - other.agent.atSec);
    // Places are those of one list, in which an agent stands behind the request before it.
    const placeOf = (after: number, nth: number): number => after + nth + 1;
    return {
      id: names.get(session) ?? session.id,
      blockTokens: this.#blockTokens,
      calls: calls.map((call, nth) => ({ ...call, index: nth + placed.filter(({ after }) => after < nth).length })),
      subagents: placed.map(({ after, agent }, nth) => ({ ...agent, index: placeOf(after, nth) })),
      unknownFields: [],
    };
  }
}

/** As AIPerf calls sessions, where that tells them apart. */
function namesOf(sessions: readonly Session[]): Map<Session, string> {
  const short = (id: string): string => id.replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 150);
  const sharing = Map.groupBy(sessions, ({ id }) => short(id));
  return new Map(
    sessions.map((session) => [session, sharing.get(short(session.id))?.length === 1 ? short(session.id) : session.id]),
  );
}

/** Those that have been sent at a moment, by that. */
function datedRounds({ rounds }: Session): readonly (Round & { readonly sentSec: number })[] {
  const dated = rounds.filter((round): round is Round & { readonly sentSec: number } => round.sentSec !== undefined);
  return dated.toSorted((one, other) => one.sentSec - other.sentSec || one.index - other.index);
}

function callsOf(
  rounds: readonly (Round & { readonly sentSec: number })[],
  zeroSec: number,
  blockTokens: number,
  nameBlock: () => number,
): WekaCall[] {
  let before: { readonly blocks: readonly number[]; readonly endSec: number } | undefined;
  return rounds.map((round, index) => {
    const { inputTokens, prefixTokens, outputTokens, model, sentSec, tookSec = 0 } = round;
    const whole = Math.floor(inputTokens / blockTokens);
    const kept = Math.min(Math.floor(Math.min(prefixTokens, inputTokens) / blockTokens), before?.blocks.length ?? 0, whole);
    const blocks = [...(before?.blocks.slice(0, kept) ?? []), ...Array.from({ length: whole - kept }, nameBlock)];
    const atSec = sentSec - zeroSec;
    const thinkSec = before === undefined ? undefined : Math.max(0, atSec - before.endSec);
    before = { blocks, endSec: atSec + tookSec };
    const lengths = { inputTokens: Math.max(1, inputTokens), outputTokens: Math.max(1, outputTokens) };
    return { index, atSec, endSec: atSec + tookSec, thinkSec, model, ...lengths, blockIds: blocks };
  });
}

function readRound(row: JsonObject): Read<Round> {
  const counts = { input_tokens_total: 0, prefix_tokens: 0, output_tokens: 0, reasoning_output_tokens: 0, round_index: 0 };
  for (const field of Object.keys(counts) as (keyof typeof counts)[]) {
    const value = row[field];
    if (!isGiven(value) && field !== "input_tokens_total") continue;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > maxTokens) {
      return unexpected(field, `a whole number from 0 to ${maxTokens}`, value);
    }
    counts[field] = value;
  }
  const events = readEvents(row.timing_events);
  if ("problem" in events) return events;
  const tools = readTools(row.tools);
  if ("problem" in tools) return tools;
  const { inputs, outputs } = events.value;
  const sentSec = inputs.length > 0 ? latest(inputs) : outputs.length > 0 ? earliest(outputs) : undefined;
  const tookSec = outputs.length === 0 || sentSec === undefined ? undefined : Math.max(0, latest(outputs) - sentSec);
  return {
    value: {
      index: counts.round_index,
      model: isName(row.model) ? row.model : "unknown",
      inputTokens: counts.input_tokens_total,
      prefixTokens: counts.prefix_tokens,
      outputTokens: counts.output_tokens + counts.reasoning_output_tokens,
      sentSec,
      tookSec,
      momentsSec: [...events.value.all, ...tools.value.flatMap(({ emittedSec, resultSec }) => [emittedSec, resultSec])].filter(
        (moment) => moment !== undefined,
      ),
      tools: tools.value,
    },
  };
}

interface Events {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly all: readonly number[];
}

/** Moments in seconds since 1970. */
function readEvents(value: unknown): Read<Events> {
  const [inputs, outputs, all]: [number[], number[], number[]] = [[], [], []];
  if (!Array.isArray(value)) return unexpected("timing_events", "a list of events", value);
  for (const [nth, event] of value.entries()) {
    const at = `timing_events[${nth}]`;
    if (!isJsonObject(event)) return shown("timing_events", at, "an object", event);
    if (!isGiven(event.timestamp)) continue;
    const ms = isoMs(event.timestamp);
    if (ms === undefined) return shown("timing_events", `${at}.timestamp`, "a moment as 2026-04-29T00:03:18Z", event.timestamp);
    all.push(ms / 1000);
    if (inputEvents.has(event.event_type)) inputs.push(ms / 1000);
    if (outputEvents.has(event.event_type)) outputs.push(ms / 1000);
  }
  return { value: { inputs, outputs, all } };
}

function readTools(value: unknown): Read<readonly ToolCall[]> {
  if (!isGiven(value)) return { value: [] };
  if (!Array.isArray(value)) return unexpected("tools", "a list of calls", value);
  const calls: ToolCall[] = [];
  for (const [nth, tool] of value.entries()) {
    const at = `tools[${nth}]`;
    if (!isJsonObject(tool)) return shown("tools", at, "an object", tool);
    const { tool_name: name, emitted_at: emitted, result_at: result, tool_wall_latency_ms: latencyMs } = tool;
    const [emittedMs, resultMs] = [isoMs(emitted), isoMs(result)];
    if (isGiven(emitted) && emittedMs === undefined)
      return shown("tools", `${at}.emitted_at`, "a moment as 2026-04-29T00:03:18Z", emitted);
    if (isGiven(result) && resultMs === undefined)
      return shown("tools", `${at}.result_at`, "a moment as 2026-04-29T00:03:18Z", result);
    if (isGiven(latencyMs) && typeof latencyMs !== "number")
      return shown("tools", `${at}.tool_wall_latency_ms`, "milliseconds", latencyMs);
    calls.push({
      name: String(name),
      emittedSec: emittedMs === undefined ? undefined : emittedMs / 1000,
      resultSec: resultMs === undefined ? undefined : resultMs / 1000,
      latencyMs: typeof latencyMs === "number" ? latencyMs : undefined,
    });
  }
  return { value: calls };
}

function shown(field: string, shownField: string, expected: string, value: unknown): ReturnType<typeof wrong> {
  return { problem: { field, shownField, message: `expected ${expected}, got ${shownValue(value)}` } };
}

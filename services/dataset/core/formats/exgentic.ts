/**
 * Exgentic's traces of agents, public datasets of AIPerf: a row is a session, `{"session_id": "s", "harness": "claude_code", "models": ["gpt-4.1"],
 * "benchmark": "swebench", "spans": [{"type": "llm_call", "start_time": "2026-04-29T00:03:18Z", "end_time": "…", "attributes":
 * {"gen_ai.input.messages": "[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"Hello\"}]}]", …}}]}`. Each call of a model is
 * sent with its own messages alone, which have all that was said, as long after the answer before as was recorded; calls that failed or
 * have no tokens are left out. `exgentic:harness=NAME,source_model=NAME,benchmark=NAME` keeps the sessions of these.
 */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import { exgenticMessages, exgenticSystem, exgenticTools, Unreadable } from "./exgentic-messages.ts";
import type { Format, RowReader } from "./format.ts";
import { isGiven, isName, type ReadRow, type RowTurn, shownValue } from "./row.ts";
import { isoMs } from "./timed-rows.ts";
import { readMessages } from "./whole-messages.ts";

/** Fields by which sessions are chosen, and what those may be. */
export const exgenticFilters: Readonly<Record<string, readonly string[]>> = {
  harness: ["claude_code", "openai_solo", "smolagents_code", "tool_calling", "tool_calling_with_shortlisting"],
  source_model: ["DeepSeek-V3.2", "Kimi-K2.5", "claude-opus-4-5", "gemini-3-pro-preview", "gpt-4.1", "gpt-5.2-2025-12-11"],
  benchmark: ["appworld", "browsecompplus", "swebench", "tau2_airline", "tau2_retail", "tau2_telecom"],
};

type Filters = Readonly<Record<string, string>>;

const prefix = "exgentic";
const fields = ["session_id", "harness", "models", "benchmark", "spans"];

/** The name of the format that keeps some sessions. */
export function exgenticName(filters: Filters): string {
  const said = Object.entries(filters).map(([field, value]) => `${field}=${value}`);
  return said.length === 0 ? prefix : `${prefix}:${said.sort().join(",")}`;
}

/** The format of such a name; undefined: it is none. */
export function exgenticFormat(name: string): Format | undefined {
  const [own, said] = name.split(/:(.*)/s, 2);
  if (own !== prefix) return undefined;
  const filters =
    said === undefined ? [] : said.split(",").map((each) => each.split(/=(.*)/s, 2) as [string, string | undefined]);
  if (!filters.every(([field, value]) => Object.hasOwn(exgenticFilters, field) && isName(value))) return undefined;
  return {
    name,
    fields,
    recognizes: () => false,
    createReader: () => new ExgenticReader(Object.fromEntries(filters) as Filters),
  };
}

interface Call {
  readonly startMs: number;
  readonly endMs: number;
  readonly turn: RowTurn;
}

class ExgenticReader implements RowReader {
  readonly #filters: Filters;
  readonly #left = { others: 0, failed: 0, empty: 0 };

  constructor(filters: Filters) {
    this.#filters = filters;
  }

  read = (row: JsonObject): ReadRow => {
    const { session_id: sessionId, spans } = row;
    if (!isName(sessionId)) return { problem: { field: "session_id", message: `expected a text, got ${shownValue(sessionId)}` } };
    if (!Array.isArray(spans)) return { problem: { field: "spans", message: `expected a list, got ${shownValue(spans)}` } };
    if (!matches(row, this.#filters)) {
      this.#left.others++;
      return { row: undefined };
    }
    const calls: Call[] = [];
    for (const [index, span] of spans.entries()) {
      try {
        const call = isJsonObject(span) ? this.#callOf(span) : undefined;
        if (call !== undefined) calls.push(call);
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        return { problem: { field: "spans", shownField: `spans[${index}]`, message: error.message } };
      }
    }
    const [first, ...rest] = turnsOf(calls);
    return { row: first && { sessionId, turns: [first, ...rest], unknownFields: [] } };
  };

  notes = (): readonly string[] => {
    const { others, failed, empty } = this.#left;
    const lines: readonly (readonly [number, string])[] = [
      [others, "sessions that are not asked for (--dataset-filter)"],
      [failed, "calls that failed"],
      [empty, "calls without tokens"],
    ];
    return lines.flatMap(([count, what]) => (count === 0 ? [] : [`${what} were left out: ${count}`]));
  };

  /** Undefined: it is no call of a model that can be sent again. Throws `Unreadable`. */
  #callOf({ type, status, attributes = {}, start_time: start, end_time: end }: JsonObject): Call | undefined {
    if (!isJsonObject(attributes)) throw new Unreadable(`expected attributes that are an object, got ${shownValue(attributes)}`);
    const isCall = type === "llm_call" || (!isGiven(type) && attributes["gen_ai.operation.name"] === "chat");
    if (!isCall) return undefined;
    if (isJsonObject(status) && status.code === 2) {
      this.#left.failed++;
      return undefined;
    }
    const tokens = [attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]];
    if (!tokens.every(Number.isInteger)) throw new Unreadable(`expected numbers of tokens, got ${shownValue(tokens)}`);
    if (tokens.some((count) => Number(count) <= 0)) {
      this.#left.empty++;
      return undefined;
    }
    const [startMs, endMs] = [isoMs(start), isoMs(end)];
    if (startMs === undefined || endMs === undefined || endMs < startMs) {
      throw new Unreadable(`expected an end after the start, as 2026-04-29T00:03:18Z, got ${shownValue([start, end])}`);
    }
    return { startMs, endMs, turn: turnOf(attributes, Number(tokens[1])) };
  }
}

function matches({ harness, models, benchmark }: JsonObject, filters: Filters): boolean {
  const names = Array.isArray(models)
    ? models.map((model) => String(model).replace(/^(openai\/azure|azure|aws|gcp)\//i, ""))
    : [];
  const isOf = (value: string, field: string): boolean =>
    filters[field] === undefined || value.toLowerCase() === filters[field].toLowerCase();
  return (
    isOf(String(harness), "harness") &&
    isOf(String(benchmark), "benchmark") &&
    (filters.source_model === undefined || names.some((name) => isOf(name, "source_model")))
  );
}

/** In the order of their starts. */
function turnsOf(calls: readonly Call[]): RowTurn[] {
  const sorted = calls.toSorted((one, other) => one.startMs - other.startMs);
  return sorted.map(({ startMs, turn }, index) => ({
    ...turn,
    delayMs: Math.max(0, startMs - (sorted[index - 1]?.endMs ?? startMs)),
  }));
}

function turnOf(attributes: JsonObject, outputTokens: number): RowTurn {
  const listed = [
    ...exgenticSystem(attributes["gen_ai.system_instructions"]),
    ...exgenticMessages(attributes["gen_ai.input.messages"]),
  ];
  const read = readMessages(listed, "gen_ai.input.messages");
  if ("problem" in read) throw new Unreadable(read.problem.message);
  const most = attributes["gen_ai.request.max_tokens"];
  if (isGiven(most) && !(Number.isInteger(most) && Number(most) > 0)) {
    throw new Unreadable(`expected gen_ai.request.max_tokens from 1 on, got ${shownValue(most)}`);
  }
  const tools = exgenticTools(attributes["gen_ai.tool.definitions"]);
  return {
    messages: read.messages,
    maxOutputTokens: isGiven(most) ? Number(most) : outputTokens,
    model: undefined,
    extraInputs: controlsOf(attributes),
    delayMs: 0,
    timestampMs: undefined,
    isSelfContained: true,
    ...(tools.length === 0 ? {} : { toolsJson: JSON.stringify(tools) }),
  };
}

function controlsOf(attributes: JsonObject): RowTurn["extraInputs"] {
  const { "gen_ai.request.temperature": temperature, "gen_ai.request.stop_sequences": stop } = attributes;
  if (isGiven(temperature) && typeof temperature !== "number") {
    throw new Unreadable(`expected gen_ai.request.temperature that is a number, got ${shownValue(temperature)}`);
  }
  const sequences = isGiven(stop) ? stop : [];
  if (!Array.isArray(sequences) || !sequences.every((each) => typeof each === "string")) {
    throw new Unreadable(`expected gen_ai.request.stop_sequences that are texts, got ${shownValue(stop)}`);
  }
  const controls = {
    ...(isGiven(temperature) ? { temperature: Number(temperature) } : {}),
    ...(sequences.length === 0 ? {} : { stop: sequences }),
  };
  return Object.keys(controls).length === 0 ? undefined : controls;
}

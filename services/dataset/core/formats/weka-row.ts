/** One row of `weka_trace` as it was recorded. Pure. */
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import { isGiven, isName, type RowProblem, shownValue } from "./row.ts";
import { isWhole, maxTokens, type Read, readBlockIds, unexpected } from "./trace-fields.ts";

/** One request of an agent. */
export interface WekaCall {
  /** Its place among the rows' requests, or among those of its sub-agent. */
  readonly index: number;
  /** Seconds since the session began. */
  readonly atSec: number;
  readonly endSec: number;
  /** How long its client waited before it; undefined: not recorded. */
  readonly thinkSec: number | undefined;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Names of the blocks that its prompt begins with, within the trace. */
  readonly blockIds: readonly number[];
}

/** An agent that was begun by the session, as it was marked. */
export interface WekaSubagent {
  readonly index: number;
  readonly agentId: string;
  readonly atSec: number;
  readonly endSec: number;
  readonly calls: readonly WekaCall[];
}

export interface WekaTrace {
  readonly id: string;
  readonly blockTokens: number;
  readonly calls: readonly WekaCall[];
  readonly subagents: readonly WekaSubagent[];
  readonly unknownFields: readonly string[];
}

const rowFields = [
  "type",
  "id",
  "models",
  "block_size",
  "hash_id_scope",
  "tool_tokens",
  "system_tokens",
  "requests",
  "totals",
] as const;
const callFields = [
  ...["t", "type", "model", "in", "out", "input_length", "output_length", "hash_ids"],
  ...["input_types", "output_types", "stop", "api_time", "think_time", "ttft"],
] as const;
const agentFields = [
  ...["agent_id", "subagent_type", "duration_ms", "total_tokens", "tool_use_count", "status", "requests"],
  ...["models", "tool_tokens", "system_tokens"],
] as const;

/** Every field that a row, a request or a sub-agent may have. */
export const wekaFields: readonly string[] = [...rowFields, ...callFields, ...agentFields];

/** Moments may lie so far beside each other and be the same. */
export const epsilonSec = 1e-6;

const maxBlockTokens = 10_000_000;

/** @param blockTokens of a block, instead of what the row says */
export function readWekaRow(row: JsonObject, blockTokens: number | undefined): Read<WekaTrace> {
  const { type, id, block_size: blockSize, hash_id_scope: scope, requests } = row;
  if (isGiven(type) && type !== "weka_trace") return unexpected("type", '"weka_trace"', type);
  if (!isName(id)) return unexpected("id", "a text that is not empty", id);
  if (!isWhole(blockSize, 1, maxBlockTokens))
    return unexpected("block_size", `a whole number from 1 to ${maxBlockTokens}`, blockSize);
  if (scope !== "local") return unexpected("hash_id_scope", '"local": blocks of other traces cannot be the same', scope);
  if (!Array.isArray(requests) || requests.length === 0) {
    return unexpected("requests", "a list of requests that is not empty", requests);
  }
  const unknown = new Set(Object.keys(row).filter((field) => !rowFields.some((known) => known === field)));
  const calls: WekaCall[] = [];
  const subagents: WekaSubagent[] = [];
  for (const [index, request] of requests.entries()) {
    const at = `requests[${index}]`;
    if (isJsonObject(request) && request.type === "subagent") {
      const agent = readSubagent(request, index, unknown);
      if ("problem" in agent) return agent;
      subagents.push(agent.value);
    } else {
      const call = readCall(request, { at, index, unknown });
      if ("problem" in call) return call;
      calls.push(call.value);
    }
  }
  if (calls.length === 0) return unexpected("requests", "at least one request of the session itself", requests.length);
  return { value: { id, blockTokens: blockTokens ?? blockSize, calls, subagents, unknownFields: [...unknown] } };
}

interface CallPlace {
  readonly at: string;
  readonly index: number;
  /** Takes the fields that there are not. */
  readonly unknown: Set<string>;
}

function problemAt(shownField: string, message: string): { readonly problem: RowProblem } {
  return { problem: { field: "requests", shownField, message } };
}

function readCall(request: unknown, { at, index, unknown }: CallPlace): Read<WekaCall> {
  if (!isJsonObject(request)) return problemAt(at, `expected an object, got ${shownValue(request)}`);
  for (const field of Object.keys(request)) if (!callFields.some((known) => known === field)) unknown.add(`requests.${field}`);
  const { type, t, model, in: input = request.input_length, out: output = request.output_length } = request;
  const { api_time: apiSec, think_time: thinkSec } = request;
  const wrong = (field: string, expected: string, value: unknown) =>
    problemAt(`${at}.${field}`, `expected ${expected}, got ${shownValue(value)}`);
  if (type !== "n" && type !== "s") return wrong("type", "n, s or subagent", type);
  if (typeof t !== "number" || t < 0) return wrong("t", "seconds from 0", t);
  if (!isName(model)) return wrong("model", "a text that is not empty", model);
  if (!isWhole(input, 1, maxTokens)) return wrong("in", `a whole number from 1 to ${maxTokens}`, input);
  if (!isWhole(output, 0, maxTokens)) return wrong("out", `a whole number from 0 to ${maxTokens}`, output);
  if (isGiven(apiSec) && typeof apiSec !== "number") return wrong("api_time", "seconds", apiSec);
  if (isGiven(thinkSec) && typeof thinkSec !== "number") return wrong("think_time", "seconds", thinkSec);
  const ids = readBlockIds(request, "hash_ids");
  if ("problem" in ids) return problemAt(`${at}.${ids.problem.shownField ?? "hash_ids"}`, ids.problem.message);
  return {
    value: {
      index,
      atSec: t,
      // A negative time was recorded of a request that failed.
      endSec: t + Math.max(0, typeof apiSec === "number" ? apiSec : 0),
      thinkSec: typeof thinkSec === "number" ? Math.max(0, thinkSec) : undefined,
      model,
      inputTokens: input,
      outputTokens: Math.max(1, output),
      blockIds: ids.value,
    },
  };
}

function readSubagent(request: JsonObject, index: number, unknown: Set<string>): Read<WekaSubagent> {
  const at = `requests[${index}]`;
  const { t, agent_id: agentId, requests, duration_ms: durationMs } = request;
  const isKnown = (field: string): boolean => field === "t" || field === "type" || agentFields.some((known) => known === field);
  for (const field of Object.keys(request)) if (!isKnown(field)) unknown.add(`requests.${field}`);
  if (typeof t !== "number" || t < 0) return problemAt(`${at}.t`, `expected seconds from 0, got ${shownValue(t)}`);
  if (!isName(agentId)) return problemAt(`${at}.agent_id`, `expected a text that is not empty, got ${shownValue(agentId)}`);
  if (!Array.isArray(requests)) return problemAt(`${at}.requests`, `expected a list of requests, got ${shownValue(requests)}`);
  if (isGiven(durationMs) && typeof durationMs !== "number") {
    return problemAt(`${at}.duration_ms`, `expected milliseconds, got ${shownValue(durationMs)}`);
  }
  const calls: WekaCall[] = [];
  for (const [nth, inner] of requests.entries()) {
    const call = readCall(inner, { at: `${at}.requests[${nth}]`, index: nth, unknown });
    if ("problem" in call) return call;
    calls.push(onTimeOf(t, call.value));
  }
  const last = calls.reduce((latest, { endSec }) => Math.max(latest, endSec), t);
  const endSec = typeof durationMs === "number" ? t + Math.max(0, durationMs) / 1e3 : last;
  return { value: { index, agentId, atSec: t, endSec, calls } };
}

/** Older traces count a sub-agent's requests from where it began, and so some lie before that. */
function onTimeOf(beginSec: number, call: WekaCall): WekaCall {
  if (call.atSec + epsilonSec >= beginSec) return call;
  return { ...call, atSec: beginSec + call.atSec, endSec: beginSec + call.endSec };
}

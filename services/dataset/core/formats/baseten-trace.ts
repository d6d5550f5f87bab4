/**
 * AIPerf's `baseten_trace`, a Parquet file of completions with their texts: `timestamp_start_unix_ms, prompt, input_tokens,
 * output_tokens`, and, where they are known, `provided_session_id` or `poor_man_session_id`, `total_hashes`, `block_size`,
 * `duration_e2e_ms`. `request_canceled, duration_ttft_ms, output_text, cached_tokens_reference` have no effect.
 *
 * - The least timestamp of the file is 0 of its schedule. Sessions come in the order of their first rows, rows in that of their times.
 * - A prompt is sent as it stands, without what was said before; `output_tokens` is asked for as the most and, unless told not to, the
 *   least length of the answer (`min_tokens`); 0, of a request that was given up, is asked for as 1.
 * - `total_hashes` and `block_size` go into the body (`hash_ids`, `block_size`), unless told not to.
 * - Open loop: each row is due at its own time. Closed loop: a later row of a session waits for the answer before and then for the pause
 *   of the trace, which is from the end of the one request (its start and `duration_e2e_ms`) to the start of the other.
 */
import type { JsonObject as JsonFields } from "@bufbuild/protobuf";
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { randomStream } from "../../../common/random.ts";
import { maxTimestampMs } from "../../../common/turn-timestamps.ts";
import type { Format, ReaderOptions } from "./format.ts";
import { isGiven, isName, type ReadRow, type Row, type RowTurn } from "./row.ts";
import { isWhole, maxTokens, readOutputTokens, unexpected, unknownFieldsOf } from "./trace-fields.ts";

const required = ["timestamp_start_unix_ms", "prompt", "input_tokens", "output_tokens"] as const;
const known: ReadonlySet<string> = new Set([
  ...required,
  "provided_session_id",
  "poor_man_session_id",
  "total_hashes",
  "block_size",
  "request_canceled",
  "duration_e2e_ms",
  "duration_ttft_ms",
  "output_text",
  "cached_tokens_reference",
]);

export const basetenTraceFormat: Format = {
  name: "baseten_trace",
  fields: [...known],
  takes: ["is_open_loop", "is_open_loop_strict", "omits_kv_hints", "forces_min_tokens", "session_share"],
  recognizes: (row) => required.every((field) => row[field] !== undefined),
  createReader(options) {
    const requests: Recorded[] = [];
    return {
      read(row) {
        const read = readBaseten(row, options);
        if ("row" in read || "problem" in read) return read;
        requests.push(read);
        return { row: undefined };
      },
      finish: () => rowsOf(requests, options),
    };
  },
};

/** A row until all are known. */
interface Recorded {
  readonly startMs: number;
  readonly durationMs: number;
  readonly provided: string | undefined;
  readonly poorMan: string | undefined;
  readonly turn: RowTurn;
  readonly unknownFields: readonly string[];
}

function readBaseten(row: JsonObject, { trace = {} }: ReaderOptions): Recorded | ReadRow {
  const { timestamp_start_unix_ms: startMs, prompt, duration_e2e_ms: durationMs, total_hashes: hashes, block_size: block } = row;
  if (!isWhole(startMs, 0, maxTimestampMs)) return unexpected("timestamp_start_unix_ms", "milliseconds since 1970", startMs);
  if (typeof prompt !== "string" || prompt === "" || !prompt.isWellFormed()) {
    return unexpected("prompt", "a text that is not empty", prompt);
  }
  if (!isWhole(row.input_tokens, 0, maxTokens)) {
    return unexpected("input_tokens", `a whole number from 0 to ${maxTokens}`, row.input_tokens);
  }
  const output = readOutputTokens(row, "output_tokens");
  if ("problem" in output) return output;
  if (output.value === undefined) return unexpected("output_tokens", "a whole number", row.output_tokens);
  if (isGiven(durationMs) && !isWhole(durationMs, 0, maxTimestampMs)) {
    return unexpected("duration_e2e_ms", "a whole number from 0", durationMs);
  }
  if (isGiven(block) && !isWhole(block, 1, maxTokens)) return unexpected("block_size", "a whole number from 1", block);
  const ids = isGiven(hashes) ? hashesOf(hashes) : [];
  if (ids === undefined) return unexpected("total_hashes", "a list of whole numbers from 0", hashes);
  const extraInputs: JsonFields = {
    ...(trace.forcesMinTokens === false ? {} : { min_tokens: output.value }),
    ...(trace.omitsKvHints || ids.length === 0 ? {} : { hash_ids: ids }),
    ...(trace.omitsKvHints || !isWhole(block, 1, maxTokens) ? {} : { block_size: block }),
  };
  return {
    startMs,
    durationMs: typeof durationMs === "number" ? durationMs : 0,
    provided: sessionOf(row.provided_session_id),
    poorMan: sessionOf(row.poor_man_session_id),
    turn: {
      messages: [{ role: "user", content: prompt }],
      maxOutputTokens: output.value,
      model: undefined,
      extraInputs: Object.keys(extraInputs).length === 0 ? undefined : extraInputs,
      delayMs: 0,
      timestampMs: undefined,
      isSelfContained: true,
    },
    unknownFields: unknownFieldsOf(row, known),
  };
}

/** Hashes of 64 bits come as texts of digits; JSON has numbers for them, whose last bits are lost. */
function hashesOf(hashes: unknown): number[] | undefined {
  if (!Array.isArray(hashes)) return undefined;
  const ids = hashes.map((hash: unknown) => (typeof hash === "string" && /^\d+$/.test(hash) ? Number(hash) : hash));
  return ids.every((id): id is number => isWhole(id, 0, 2 ** 64)) ? ids : undefined;
}

function sessionOf(id: unknown): string | undefined {
  return isName(id) ? id : isWhole(id, 0, Number.MAX_SAFE_INTEGER) ? `${id}` : undefined;
}

interface Session {
  readonly id: string | undefined;
  readonly requests: Recorded[];
}

/** Sessions by their first rows, those that begin together by their names. */
function rowsOf(requests: readonly Recorded[], options: ReaderOptions): Iterable<Row> {
  const { trace = {} } = options;
  const startMs = requests.reduce((least, { startMs: ms }) => Math.min(least, ms), Number.POSITIVE_INFINITY);
  const sessions = sampled(sessionsOf(requests, trace.isStrict ?? false), options);
  return sessions.map((session) => rowOf(session, startMs, trace.isOpenLoop === false));
}

function sessionsOf(requests: readonly Recorded[], isStrict: boolean): readonly Session[] {
  const isProvided = requests.some(({ provided }) => provided !== undefined);
  const named = new Map<string, Session>();
  const sessions: Session[] = [];
  for (const request of requests) {
    const id = isProvided ? request.provided : request.poorMan;
    const found = id === undefined || isStrict ? undefined : named.get(id);
    if (found !== undefined) {
      found.requests.push(request);
      continue;
    }
    const session = { id: isStrict ? undefined : id, requests: [request] };
    if (session.id !== undefined) named.set(session.id, session);
    sessions.push(session);
  }
  for (const session of sessions) session.requests.sort((one, other) => one.startMs - other.startMs);
  return sessions.sort((one, other) => firstMs(one) - firstMs(other) || compare(one.id ?? "", other.id ?? ""));
}

function firstMs({ requests: [first] }: Session): number {
  return first?.startMs ?? 0;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** A share of the sessions, at least one; which ones is a function of the seed and their order. */
function sampled(sessions: readonly Session[], options: ReaderOptions): readonly Session[] {
  const { sessionShare = 1 } = options.trace ?? {};
  if (sessionShare >= 1) return sessions;
  const random = randomStream(options.seed, "dataset", "trace", "sessions");
  const kept = sessions.filter(() => random.next() < sessionShare);
  return kept.length > 0 ? kept : sessions.slice(0, 1);
}

function rowOf({ id, requests }: Session, zeroMs: number, isClosedLoop: boolean): Row {
  const [first, ...rest] = requests.map(({ turn, startMs }, index): RowTurn => {
    const before = isClosedLoop ? requests[index - 1] : undefined;
    if (before === undefined) return { ...turn, timestampMs: startMs - zeroMs };
    return { ...turn, delayMs: Math.max(0, startMs - before.startMs - before.durationMs) };
  });
  if (first === undefined) throw new RangeError("a session has a request");
  return { sessionId: id, turns: [first, ...rest], unknownFields: requests.flatMap(({ unknownFields }) => unknownFields) };
}

/**
 * The CSV files of the Azure LLM inference traces of 2023 and 2024: `TIMESTAMP,ContextTokens,GeneratedTokens`.
 *
 * - A row is a request by itself, whose prompt of `ContextTokens` is made; `GeneratedTokens` is the output length to ask for, 0 as 1.
 * - `TIMESTAMP` is a moment, `2023-11-16 18:15:46.6805900` or `2024-05-10 00:00:00.009930+00:00`, of up to seven decimals; without a
 *   zone it is UTC. The first row's moment is 0 of the schedule, or the row itself begins 0 where it is earlier.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import { maxTimestampMs } from "../../../common/turn-timestamps.ts";
import type { Format } from "./format.ts";
import { isGiven, type ReadRow } from "./row.ts";
import { readInputTokens, readOutputTokens, rowOfRequest, unexpected, unknownFieldsOf } from "./trace-fields.ts";

const columns = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"] as const;
const known: ReadonlySet<string> = new Set(columns);

export const azureLlmTraceFormat: Format = {
  name: "azure_llm_trace",
  fields: columns,
  textFields: ["TIMESTAMP"],
  recognizes: (row) => columns.every((column) => row[column] !== undefined),
  createReader: () => {
    let firstMs: number | undefined;
    const since = (ms: number): number => {
      firstMs ??= ms;
      return Math.max(0, ms - firstMs);
    };
    return { read: (row) => readAzure(row, since) };
  },
};

function readAzure(row: JsonObject, since: (ms: number) => number): ReadRow {
  const ms = momentOf(row.TIMESTAMP);
  if (ms === undefined) return unexpected("TIMESTAMP", "a moment as 2023-11-16 18:15:46.6805900", row.TIMESTAMP);
  const inputTokens = readInputTokens(row, "ContextTokens");
  if ("problem" in inputTokens) return inputTokens;
  const output = readOutputTokens(row, "GeneratedTokens");
  if ("problem" in output) return output;
  if (!isGiven(output.value)) return unexpected("GeneratedTokens", "a whole number", row.GeneratedTokens);
  return {
    row: rowOfRequest({
      sessionId: undefined,
      recipe: { inputTokens: inputTokens.value, blockIds: [], blockTokens: 1 },
      maxOutputTokens: output.value,
      timestampMs: since(ms),
      unknownFields: unknownFieldsOf(row, known),
    }),
  };
}

const moment = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?$/;

/** Milliseconds since 1970, with the decimals that the text has: `Date` has three. */
function momentOf(value: unknown): number | undefined {
  const [, day, time, decimals = "", zone = "Z"] = (typeof value === "string" ? moment.exec(value) : null) ?? [];
  const seconds = Date.parse(`${day}T${time}${zone}`);
  if (Number.isNaN(seconds) || seconds < 0 || seconds > maxTimestampMs) return undefined;
  return seconds + Number(`0${decimals || ".0"}`) * 1000;
}

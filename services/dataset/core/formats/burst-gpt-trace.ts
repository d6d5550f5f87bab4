/**
 * AIPerf's `burst_gpt_trace`, the CSV files of BurstGPT: `Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`.
 *
 * - A row is a request by itself, `Timestamp` seconds after the start of the trace, whose prompt of `Request tokens` is made.
 * - `Response tokens` is the output length to ask for; 0, of a request that failed, is asked for as 1.
 * - The other columns say nothing: the models are those of the trace's service, not of the target.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import type { Format } from "./format.ts";
import { isGiven, type ReadRow } from "./row.ts";
import { readInputTokens, readOutputTokens, readTimestamp, rowOfRequest, unexpected, unknownFieldsOf } from "./trace-fields.ts";

const columns = ["Timestamp", "Request tokens", "Response tokens"] as const;
const known: ReadonlySet<string> = new Set([...columns, "Model", "Total tokens", "Log Type", "Session ID", "Elapsed time"]);

export const burstGptTraceFormat: Format = {
  name: "burst_gpt_trace",
  fields: [...known],
  textFields: ["Model", "Log Type", "Session ID"],
  recognizes: (row) => columns.every((column) => row[column] !== undefined),
  createReader: () => ({ read: readBurst }),
};

function readBurst(row: JsonObject): ReadRow {
  const missing = columns.find((column) => !isGiven(row[column]));
  if (missing !== undefined) return unexpected(missing, "a number", row[missing]);
  const timestamp = readTimestamp(row, "Timestamp", 1000);
  if ("problem" in timestamp) return timestamp;
  const inputTokens = readInputTokens(row, "Request tokens");
  if ("problem" in inputTokens) return inputTokens;
  const output = readOutputTokens(row, "Response tokens");
  if ("problem" in output) return output;
  return {
    row: rowOfRequest({
      sessionId: undefined,
      recipe: { inputTokens: inputTokens.value, blockIds: [], blockTokens: 1 },
      maxOutputTokens: output.value,
      timestampMs: timestamp.value,
      unknownFields: unknownFieldsOf(row, known),
    }),
  };
}

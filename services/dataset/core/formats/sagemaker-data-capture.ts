/**
 * AIPerf's `sagemaker_data_capture`: what Amazon SageMaker recorded of a chat endpoint, a request a row, `{"captureData": {"endpointInput":
 * {"data": "{\"messages\": […]}", "encoding": "JSON"}}, "eventMetadata": {"inferenceTime": "2026-04-29T00:03:18Z"}}`. Of a request
 * its `messages`, `tools` and `max_tokens` are sent, for the run's model, at the moment at which it came: requests are put in the order
 * of time, over all files, and the first one is at 0.
 */
import { isJsonObject, type JsonObject, parseJson } from "../../../../endpoints/json-body.ts";
import type { Format } from "./format.ts";
import { isGiven, type ReadRow, type RowProblem, type RowTurn, shownValue } from "./row.ts";
import { isoMs, type TimedRequest, timedRows } from "./timed-rows.ts";
import { readMessages } from "./whole-messages.ts";

export const sagemakerFormat: Format = {
  name: "sagemaker_data_capture",
  fields: ["captureData", "eventMetadata", "eventVersion"],
  recognizes: (row) => isGiven(row.captureData) && isGiven(row.eventMetadata),
  createReader: () => {
    const requests: TimedRequest[] = [];
    return {
      read(row): ReadRow {
        const read = readCapture(row);
        if ("problem" in read) return read;
        requests.push(read);
        return { row: undefined };
      },
      finish: () => timedRows(requests),
    };
  },
};

function readCapture({ captureData, eventMetadata }: JsonObject): TimedRequest | { readonly problem: RowProblem } {
  const time = isJsonObject(eventMetadata) ? eventMetadata.inferenceTime : undefined;
  const atMs = isoMs(time);
  if (atMs === undefined) {
    const message = `expected a moment as 2026-04-29T00:03:18Z, got ${shownValue(time)}`;
    return { problem: { field: "eventMetadata", shownField: "eventMetadata.inferenceTime", message } };
  }
  const input = isJsonObject(captureData) ? captureData.endpointInput : undefined;
  if (!isJsonObject(input)) return wrong("endpointInput", `expected an object, got ${shownValue(input)}`);
  const body = bodyOf(input);
  if (typeof body === "string") return wrong("endpointInput.data", body);
  const turn = turnOf(body);
  return "problem" in turn ? turn : { turn, atMs };
}

function wrong(shownField: string, message: string): { readonly problem: RowProblem } {
  return { problem: { field: "captureData", shownField: `captureData.${shownField}`, message } };
}

/** A text is the reason why there is none. */
function bodyOf({ data, encoding = "BASE64" }: JsonObject): JsonObject | string {
  if (encoding !== "JSON" && encoding !== "BASE64") return `expected the encoding JSON or BASE64, got ${shownValue(encoding)}`;
  const text = typeof data === "string" ? (encoding === "JSON" ? data : textOfBase64(data)) : undefined;
  if (text === undefined) return `expected ${encoding === "JSON" ? "a text" : "base64"}, got ${shownValue(data)}`;
  const body = parseJson(text);
  return isJsonObject(body) ? body : `expected the JSON of a request's body, got ${shownValue(text)}`;
}

/** Undefined: it is no base64 of a text. */
function textOfBase64(data: string): string | undefined {
  try {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function turnOf(body: JsonObject): RowTurn | { readonly problem: RowProblem } {
  const read = readMessages(body.messages, "messages");
  if ("problem" in read) {
    const { shownField = "messages", message } = read.problem;
    return wrong(`endpointInput.data.${shownField}`, message);
  }
  const length = body.max_tokens ?? body.max_completion_tokens;
  const { tools } = body;
  return {
    messages: read.messages,
    // What a client asked for may be nonsense; no target can be asked for less than one token.
    maxOutputTokens: typeof length === "number" && Number.isFinite(length) ? Math.max(1, Math.trunc(length)) : undefined,
    model: undefined,
    extraInputs: undefined,
    delayMs: 0,
    timestampMs: undefined,
    isSelfContained: true,
    ...(Array.isArray(tools) && tools.length > 0 ? { toolsJson: JSON.stringify(tools) } : {}),
  };
}

/**
 * HAR 1.2, as browsers and proxies export it: `{"log": {"entries": [{"startedDateTime": "…", "request": {"method": "POST", "url": "…",
 * "postData": {"text": "{…}"}}}]}}`. The bodies that were posted to the run's path are sent as they are, at the moments at which they
 * were sent, the first one at 0. What was sent elsewhere is left out, and headers are: they hold the keys and cookies of whoever
 * recorded them.
 */
import { isJsonObject, type JsonObject, parseJson } from "../../../../endpoints/json-body.ts";
import type { Format } from "./format.ts";
import { type ReadRow, type RowProblem, shownValue } from "./row.ts";
import { isoMs, type TimedRequest, timedRows } from "./timed-rows.ts";
import { isPathOf, pathOf } from "./url-path.ts";
import { turnOfBody } from "./whole-body.ts";

export const harFormat: Format = {
  name: "har",
  fields: ["log"],
  recognizes: ({ log }) => isJsonObject(log) && Array.isArray(log.entries),
  createReader: ({ endpointPath }) => {
    const requests: TimedRequest[] = [];
    const leftOut = new Map<string, number>();
    return {
      read: ({ log }) => readLog(log, { endpointPath, requests, leftOut }),
      finish: () => timedRows(requests),
      notes: () => [...leftOut].slice(0, shownLeftOut).map(([what, count]) => `${count} entries were left out: ${what}`),
    };
  },
};

const shownLeftOut = 10;

interface LogReading {
  readonly endpointPath: string;
  readonly requests: TimedRequest[];
  /** What for, and how many. */
  readonly leftOut: Map<string, number>;
}

function readLog(log: unknown, { endpointPath, requests, leftOut }: LogReading): ReadRow {
  const entries = isJsonObject(log) ? log.entries : undefined;
  if (!Array.isArray(entries)) return wrong("log.entries", `expected a list, got ${shownValue(entries)}`);
  const found: TimedRequest[] = [];
  for (const [index, entry] of entries.entries()) {
    const read = readEntry(entry, `log.entries[${index}]`, endpointPath);
    if (typeof read === "string") leftOut.set(read, (leftOut.get(read) ?? 0) + 1);
    else if ("problem" in read) return read;
    else found.push(read);
  }
  if (found.length === 0) {
    const why = [...leftOut].map(([what]) => what).slice(0, 3);
    return wrong(
      "log.entries",
      `expected bodies posted to ${endpointPath}, got none${why.length === 0 ? "" : `: ${why.join("; ")}`}`,
    );
  }
  requests.push(...found);
  return { row: undefined };
}

function wrong(shownField: string, message: string): { readonly problem: RowProblem } {
  return { problem: { field: "log", shownField, message } };
}

/** A text is why it is left out. */
function readEntry(entry: unknown, at: string, endpointPath: string): TimedRequest | string | { readonly problem: RowProblem } {
  const request = isJsonObject(entry) ? entry.request : undefined;
  if (!isJsonObject(entry) || !isJsonObject(request))
    return wrong(`${at}.request`, `expected an object, got ${shownValue(request)}`);
  const { method, url } = request;
  if (typeof url !== "string") return wrong(`${at}.request.url`, `expected a text, got ${shownValue(url)}`);
  if (method !== "POST") return `${typeof method === "string" ? method : "no POST"} ${pathOf(url)}`;
  if (!isPathOf(url, endpointPath)) return `POST ${pathOf(url)}`;
  const body = bodyOf(request.postData);
  if (body === undefined) return `POST ${pathOf(url)} whose body is no JSON object`;
  const atMs = isoMs(entry.startedDateTime);
  if (atMs === undefined) {
    return wrong(
      `${at}.startedDateTime`,
      `expected a moment as 2026-04-29T00:03:18.123Z, got ${shownValue(entry.startedDateTime)}`,
    );
  }
  return { turn: turnOfBody(body.value, body.text), atMs };
}

function bodyOf(postData: unknown): { readonly value: JsonObject; readonly text: string } | undefined {
  const text = isJsonObject(postData) ? postData.text : undefined;
  const value = typeof text === "string" ? parseJson(text) : undefined;
  return typeof text === "string" && isJsonObject(value) ? { value, text } : undefined;
}

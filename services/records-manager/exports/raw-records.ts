/**
 * `profile_export_raw.jsonl`: every request and its answer as they were, a line each, as AIPerf writes it at the raw level. Moments
 * named `perf_ns` are suite time. Secrets among the headers are masked, since the spec that they come from is.
 */
import type { RunSpec, TargetSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { decodeReads } from "../../common/chunk-stamps.ts";
import type { RawAnswer } from "../../common/metric-record.ts";
import { requestHeaders, requestIdHeader, sessionHeaderOf } from "../../common/request-headers.ts";
import { answerJson, base64, utf8 } from "./answer-json.ts";
import type { Exporter } from "./exporter.ts";
import { type JsonObject, jsonText } from "./json-text.ts";
import { requireAnswers } from "./kept-answers.ts";
import { knownEndpoint } from "./known-endpoint.ts";
import { errorOf, hasFailed, metadataOf, phaseEnds, type RequestRow, ROW_COLUMNS, rowOf } from "./request-row.ts";
import { contentTypeOf, parsedHeaders } from "./response-headers.ts";
import { sessionId } from "./session-id.ts";

export const rawRecords: Exporter = ({ reader, spec }, write) => {
  requireAnswers(spec, "profile_export_raw.jsonl", true);
  const ends = phaseEnds(reader.phases());
  const names = reader.conversationNames();
  const { runId, versions } = reader.run();
  const headers = sharedHeaders(spec, versions.assay);
  for (const page of reader.pages([...ROW_COLUMNS, "is_streaming"], { pageRows: PAGE_ROWS })) {
    for (const values of page) {
      const raw = reader.raw(values[0] as number);
      const row = rowOf(values);
      const phase = ends.get(row.phase);
      if (phase === undefined) continue;
      const metadata = metadataOf(row, { conversationId: sessionId(row.conversation, names), runId }, phase);
      const isStreaming = values[STREAMING_AT] === 1;
      const parts = [
        `"metadata":${metadata},"start_perf_ns":${Math.round(row.sentNs)}`,
        ...requestParts(row, raw, headers, spec.target),
        ...answerParts(row, raw, isStreaming),
        ...(hasFailed(row) ? [`"error":${errorOf(row)}`] : []),
      ];
      write(`{${parts.join(",")}}\n`);
    }
  }
};

/** Without answers, which are read one by one. */
const PAGE_ROWS = 500;
const STREAMING_AT = ROW_COLUMNS.length + 1;

/** Of an endpoint that is a user's own, what the run said of headers is all that is known. */
function sharedHeaders(spec: RunSpec, version: string | undefined): JsonObject {
  if (spec.target === undefined) return {};
  const isStreaming = spec.endpoint?.streaming ?? false;
  return Object.fromEntries(requestHeaders(spec.target, knownEndpoint(spec) ?? {}, isStreaming, version));
}

function requestParts(row: RequestRow, raw: RawAnswer | undefined, shared: JsonObject, target: TargetSpec | undefined): string[] {
  const ids = { [requestIdHeader]: row.requestId, [target === undefined ? "" : sessionHeaderOf(target)]: row.correlationId };
  const headers = `"request_headers":${jsonText({ ...shared, ...ids })}`;
  return raw?.requestBody === undefined ? [headers] : [payloadPart(raw.requestBody), headers];
}

/** A body of JSON stands as it was sent; any other is a text or, where it is none, bytes in base64. */
function payloadPart(body: Uint8Array): string {
  const text = utf8(body);
  if (text === undefined) return `"payload_base64":${JSON.stringify(base64(body))}`;
  try {
    const value: unknown = JSON.parse(text);
    // A line of the file is one line.
    return `"payload":${/[\r\n]/.test(text) ? JSON.stringify(value) : text}`;
  } catch {
    return `"payload":${JSON.stringify(text)}`;
  }
}

function answerParts({ status, sentNs }: RequestRow, raw: RawAnswer | undefined, isStreaming: boolean): string[] {
  const headers = parsedHeaders(raw?.responseHeaders);
  const { payload = noBytes, reads = noBytes } = raw ?? {};
  const answer = { payload, contentType: contentTypeOf(headers), isStreaming, ...decodeReads(reads) };
  return [
    ...(status === 0 ? [] : [`"status":${status}`]),
    ...(headers === undefined ? [] : [`"response_headers":${jsonText(headers)}`]),
    `"responses":${jsonText(answerJson(answer, sentNs))}`,
    ...(raw?.cutBytes === undefined ? [] : [`"cut_bytes":${raw.cutBytes}`]),
  ];
}

const noBytes = new Uint8Array(0);

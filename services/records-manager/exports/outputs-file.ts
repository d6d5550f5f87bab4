/**
 * `outputs.json`: the texts of the answers, as AIPerf writes them: by session and turn, of the measured phases. A text is what the
 * answer said, reasoning in front; null where nothing came, or the endpoint is a user's own, which cannot be asked any more.
 */
import { outputSequenceLength } from "../../../metrics/output-sequence-length.ts";
import { outputTokenCount } from "../../../metrics/output-token-count.ts";
import { requestLatency } from "../../../metrics/request-latency.ts";
import { answerText } from "./answer-text.ts";
import type { Exporter } from "./exporter.ts";
import { Float, type JsonObject, jsonText } from "./json-text.ts";
import { requireAnswers } from "./kept-answers.ts";
import { knownEndpoint } from "./known-endpoint.ts";
import { ROW_COLUMNS, rowOf, wallNs } from "./request-row.ts";
import { sessionId } from "./session-id.ts";

const SCHEMA_VERSION = "1.0";

export const outputsFile: Exporter = ({ reader, spec }, write) => {
  requireAnswers(spec, "outputs.json", false);
  const measured = reader.measuredPhases();
  const names = reader.conversationNames();
  const endpoint = knownEndpoint(spec);
  let isFirst = true;
  write(`{\n  "schema_version": "${SCHEMA_VERSION}",\n  "data": [`);
  for (const values of reader.bySession([...ROW_COLUMNS, ...COLUMNS])) {
    const row = rowOf(values);
    const { status } = row;
    if (!measured.has(row.phase)) continue;
    const [isStreaming, ...metrics] = values.slice(ROW_COLUMNS.length + 1) as (number | null)[];
    const raw = reader.raw(values[0] as number);
    const entry = {
      session_num: row.sessionNum,
      conversation_id: sessionId(row.conversation, names),
      turn_index: row.turn,
      x_request_id: row.requestId,
      request_start_ns: wallNs(row.sentNs, row.wallOffsetNs),
      request_end_ns: wallNs(row.sentNs + row.endNs, row.wallOffsetNs),
      metrics: metricsOf(metrics),
      response_text: (raw && endpoint && answerText(raw, { status, isStreaming: isStreaming === 1 }, endpoint)) ?? null,
    };
    write(`${isFirst ? "" : ","}\n    ${jsonText(entry, 2, 2)}`);
    isFirst = false;
  }
  write(isFirst ? "]\n}" : "\n  ]\n}");
};

const COLUMNS = ["is_streaming", outputTokenCount.tag, outputSequenceLength.tag, requestLatency.tag] as const;

function metricsOf([tokens, length, latencyMs]: readonly (number | null | undefined)[]): JsonObject {
  return {
    [outputTokenCount.tag]: tokens ?? undefined,
    [outputSequenceLength.tag]: length ?? undefined,
    [requestLatency.tag]: typeof latencyMs === "number" ? new Float(latencyMs) : undefined,
  };
}

/** What a stored row says of its stream, for the formulas of other tools. */
import { readChatEvent } from "../../endpoints/openai/chat-event.ts";
import { readCompletionsEvent } from "../../endpoints/openai/completions-event.ts";
import { streamEvents } from "../../endpoints/openai/stream-events.ts";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { outputSequenceLength } from "../../metrics/output-sequence-length.ts";
import { outputTokenCount } from "../../metrics/output-token-count.ts";
import { timeToFirstOutputToken } from "../../metrics/time-to-first-output-token.ts";
import { decodeReads, decodeStamps } from "../common/chunk-stamps.ts";
import type { StreamEvent, StreamFacts } from "./core/definitions.ts";
import { PAYLOAD_COLUMN, READS_COLUMN } from "./store/run-reader.ts";
import { STAMPS_COLUMN } from "./store/schema.ts";

/** Rows of a page: answers as they came may be large. */
export const STREAM_PAGE_ROWS = 200;

/** Reads all events of the run's answers; undefined: the moments of those without content were not kept. */
export function eventReader({ endpoint, output }: RunSpec): ReadEvents | undefined {
  if (output?.exportLevel !== "raw" && output?.exportOutputsJson !== true) return undefined;
  const type = endpoint?.type || "chat";
  return type === "chat" ? readChatEvent : type === "completions" ? readCompletionsEvent : undefined;
}

/** The columns of a `StreamRow`, behind the credit id. */
export function streamColumns(readEvent: ReadEvents | undefined): string[] {
  return [...COLUMNS, ...(readEvent === undefined ? [] : [READS_COLUMN, PAYLOAD_COLUMN])];
}

/** Times are ns from the send. `readEvent`: as `streamColumns` was asked for. */
export function streamFacts(row: StreamRow, readEvent: ReadEvents | undefined): StreamFacts {
  const [, , , , , , dueNs, sentNs, endNs, tokens, contentTokens] = row;
  return {
    events: eventsOf(row, readEvent),
    dueNs: dueNs === null ? 0 : dueNs - sentNs,
    endNs,
    tokens: tokens ?? undefined,
    contentTokens: contentTokens ?? undefined,
  };
}

export type ReadEvents = Parameters<typeof streamEvents>[1];

const COLUMNS = [
  "phase",
  "is_cancelled",
  "error_code",
  "is_streaming",
  "is_stream_ignored",
  "due_ns",
  "sent_ns",
  "end_ns",
  outputSequenceLength.tag,
  outputTokenCount.tag,
  timeToFirstOutputToken.tag,
  STAMPS_COLUMN,
] as const;

/** A row of `streamColumns`. */
export type StreamRow = [
  creditId: number,
  phase: number,
  isCancelled: number,
  errorCode: string | null,
  isStreaming: number,
  isStreamIgnored: number | null,
  dueNs: number | null,
  sentNs: number,
  endNs: number,
  tokens: number | null,
  contentTokens: number | null,
  firstOutputMs: number | null,
  stamps: Uint8Array,
  reads?: Uint8Array | null,
  payload?: Uint8Array | null,
];

/** Whether the row is of a request that succeeded, and of which a stream was asked for and came. */
export function isWholeStream([, , isCancelled, errorCode, isStreaming, isStreamIgnored]: StreamRow): boolean {
  return isCancelled === 0 && errorCode === null && isStreaming === 1 && isStreamIgnored !== 1;
}

/** Of the raw answer, where it is there; else of the stamps of its content, which tell reasoning apart by where it ends. */
function eventsOf(row: StreamRow, readEvent: ReadEvents | undefined): StreamEvent[] {
  const [, , , , , , , , , , , firstOutputMs, stamps, reads, payload] = row;
  if (readEvent !== undefined && reads && payload && payload.length > 0) {
    return streamEvents({ payload, ...decodeReads(reads) }, readEvent);
  }
  const firstOutputNs = firstOutputMs === null ? Number.POSITIVE_INFINITY : Math.round(firstOutputMs * 1e6);
  return Array.from(decodeStamps(stamps), (ns): StreamEvent => ({ kind: ns < firstOutputNs ? "reasoning" : "content", ns }));
}

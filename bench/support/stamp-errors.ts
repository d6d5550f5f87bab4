/** The client's stamps against those that the built-in server wrote into its chunks, from a run with `--export-level raw`. */
import { fromBinary } from "@bufbuild/protobuf";
import { FrameReader } from "../../endpoints/kserve/frames.ts";
import { ModelStreamInferResponseSchema } from "../../gen/inference/inference_service_pb.js";
import { decodeReads } from "../../services/common/chunk-stamps.ts";
import { openRun } from "./assay.ts";

/** One stream; moments are this host's CLOCK_MONOTONIC, in ns. */
export interface StampedStream {
  /** When it was due; 0: as soon as a slot was free. */
  readonly dueNs: number;
  /** When the client says that it sent the request, and when the server had read it whole. */
  readonly sentNs: number;
  readonly receivedNs: number;
  /** When the server wrote each chunk with content, and when the client saw the read that completed it. */
  readonly wroteNs: readonly number[];
  readonly sawNs: readonly number[];
  /** First content as the run's own figures have it. */
  readonly firstContentNs: number;
}

interface Row {
  readonly due_ns: number | null;
  readonly sent_ns: number;
  readonly first_content_ns: number;
  readonly reads: Uint8Array;
  readonly payload: Buffer;
}

const stampedEvent = /data: \{[^\n]*"assay_sent_ns":"(\d+)"[^\n]*\n\n/g;
const content = /"content":"[^"]/;

/** The streams of one phase that ended well, in the order of their credits. */
export function stampedStreams(folder: string, phase: string): Generator<StampedStream> {
  return streamsOf(folder, phase, streamOf);
}

/** The same of a run over gRPC, whose chunks are messages. */
export function stampedCalls(folder: string, phase: string): Generator<StampedStream> {
  return streamsOf(folder, phase, callOf);
}

function* streamsOf(folder: string, phase: string, streamOf: (row: Row) => StampedStream): Generator<StampedStream> {
  const db = openRun(folder);
  try {
    const sql = `SELECT due_ns, sent_ns, first_content_ns, reads, payload FROM requests JOIN raw USING (credit_id) JOIN phases USING (phase)
      WHERE error_code IS NULL AND name = ? ORDER BY credit_id`;
    for (const row of db.prepare(sql).iterate(phase) as Iterable<Row>) yield streamOf(row);
  } finally {
    db.close();
  }
}

/** What each chunk's stamp is off by, in ms, of the chunks that were seen in the seconds after the run's first one. */
export function chunkErrorsMs(folder: string, seconds: number): number[] {
  const errorsMs: number[] = [];
  let firstNs = Number.POSITIVE_INFINITY;
  for (const stream of stampedStreams(folder, "profiling")) {
    firstNs = Math.min(firstNs, stream.sentNs);
    for (const [index, seen] of stream.sawNs.entries()) {
      if (seen < firstNs + 1e9 || seen > firstNs + seconds * 1e9) continue;
      errorsMs.push((seen - (stream.wroteNs[index] ?? Number.NaN)) / 1e6);
    }
  }
  return errorsMs;
}

/** What was written, of the stamped chunks with content that one read has whole. */
export function wroteOf(read: Buffer): number[] {
  const events = [...read.toString("latin1").matchAll(stampedEvent)];
  return events.filter(([event]) => content.test(event)).map(([, wroteNs]) => Number(wroteNs));
}

function streamOf({ due_ns: dueNs, sent_ns: sentNs, first_content_ns: firstNs, reads, payload }: Row): StampedStream {
  const { readEnds, readNs } = decodeReads(reads);
  const text = payload.toString("latin1");
  const wroteNs: number[] = [];
  const sawNs: number[] = [];
  let read = 0;
  for (const event of text.matchAll(stampedEvent)) {
    if (!content.test(event[0])) continue;
    const end = event.index + event[0].length;
    while ((readEnds[read] ?? Number.POSITIVE_INFINITY) < end) read++;
    wroteNs.push(Number(event[1]));
    sawNs.push(sentNs + (readNs[read] ?? Number.NaN));
  }
  const receivedNs = Number(/"assay_received_ns":"(\d+)"/.exec(text)?.[1]);
  return { dueNs: dueNs ?? 0, sentNs, receivedNs, wroteNs, sawNs, firstContentNs: sentNs + firstNs };
}

function callOf({ due_ns: dueNs, sent_ns: sentNs, first_content_ns: firstNs, reads, payload }: Row): StampedStream {
  const { readEnds, readNs } = decodeReads(reads);
  const wroteNs: number[] = [];
  const sawNs: number[] = [];
  let receivedNs = Number.NaN;
  let read = 0;
  const messages = new FrameReader(payload);
  for (let message = messages.next(); message !== undefined; message = messages.next()) {
    const { outputs = [], parameters = {} } = fromBinary(ModelStreamInferResponseSchema, message).inferResponse ?? {};
    if (outputs.length === 0) continue;
    while ((readEnds[read] ?? Number.POSITIVE_INFINITY) < messages.end) read++;
    wroteNs.push(Number(parameters.assay_sent_ns?.parameterChoice.value));
    receivedNs = Number(parameters.assay_received_ns?.parameterChoice.value);
    sawNs.push(sentNs + (readNs[read] ?? Number.NaN));
  }
  return { dueNs: dueNs ?? 0, sentNs, receivedNs, wroteNs, sawNs, firstContentNs: sentNs + firstNs };
}

/** From when to when the requests of a run's file go, in suite time. One pass over two or five of its columns. */
import type { RunReader } from "./run-reader.ts";

type Chunked = Pick<RunReader, "chunks">;

export interface RequestSpan {
  readonly firstNs: number;
  readonly lastNs: number;
}

/** First send and last end of a phase or of all; undefined where there is no request. */
export function requestSpan(reader: Chunked, phase?: number): RequestSpan | undefined {
  let firstNs = Number.POSITIVE_INFINITY;
  let lastNs = Number.NEGATIVE_INFINITY;
  for (const { phases, columns } of reader.chunks(["sent_ns", "end_ns"])) {
    const [sentNs, endNs] = columns;
    for (let place = 0; place < phases.length; place++) {
      const of = phases[place] as number;
      if (Number.isNaN(of) || (phase !== undefined && of !== phase)) continue;
      const ns = sentNs?.[place] as number;
      if (ns < firstNs) firstNs = ns;
      lastNs = Math.max(lastNs, ns + (endNs?.[place] as number));
    }
  }
  return lastNs < firstNs ? undefined : { firstNs, lastNs };
}

export interface SuccessSpan {
  readonly firstSentNs: number;
  readonly lastContentNs: number;
}

/** Of each phase with a success: the first send of one, and the last chunk with content of one. */
export function successSpans(reader: Chunked): Map<number, SuccessSpan> {
  const spans = new Map<number, { firstSentNs: number; lastContentNs: number }>();
  for (const { phases, columns } of reader.chunks(["is_cancelled", "error_code", "sent_ns", "last_content_ns", "end_ns"])) {
    const [isCancelled, errorCodes, sentNs, contentNs, endNs] = columns;
    for (let place = 0; place < phases.length; place++) {
      const phase = phases[place] as number;
      if (isCancelled?.[place] !== 0 || !Number.isNaN(errorCodes?.[place])) continue;
      const firstSentNs = sentNs?.[place] as number;
      const lastContentNs = firstSentNs + (contentNs?.[place] || (endNs?.[place] as number));
      const span = spans.get(phase);
      if (span === undefined) {
        spans.set(phase, { firstSentNs, lastContentNs });
        continue;
      }
      if (firstSentNs < span.firstSentNs) span.firstSentNs = firstSentNs;
      if (lastContentNs > span.lastContentNs) span.lastContentNs = lastContentNs;
    }
  }
  return spans;
}

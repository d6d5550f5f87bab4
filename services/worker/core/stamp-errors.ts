/** What stamps of chunks were late, by the stamps that the built-in server (`--stamps`) wrote into them. Pure. */
import { decodeReads } from "../../common/chunk-stamps.ts";

/** One answer as a worker saw it. */
export interface StampedAnswer {
  /** The server's clock read the same. */
  readonly sentNs: number;
  readonly stamps: Uint8Array;
  readonly payload: Buffer;
}

/** For every event of the answer that the server stamped: when its last byte was stamped here, minus when it was written; ns. */
export function stampErrors({ sentNs, stamps, payload }: StampedAnswer): number[] {
  const { readEnds, readNs } = decodeReads(stamps);
  const errors: number[] = [];
  let read = 0;
  for (const event of payload.toString("latin1").matchAll(/"assay_sent_ns":"(\d+)"[^\n]*\n\n/g)) {
    const end = event.index + event[0].length;
    while ((readEnds[read] ?? end) < end) read++;
    errors.push(sentNs + (readNs[read] ?? Number.NaN) - Number(event[1]));
  }
  return errors;
}

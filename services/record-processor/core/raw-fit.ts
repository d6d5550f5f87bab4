/** What is kept of a request and its answer, made to fit a message to the records-manager. Pure. */
import type { RawAnswer } from "../../common/metric-record.ts";

/**
 * At most of one record: a message holds 16 MiB, and a large record is alone in its message. The rest is for its values, names and the stamps of its content, which are
 * no longer than those of its reads.
 */
const maxRawBytes = 15 << 20;

/** As much of it as fits beside `otherBytes`: stamps, then the request's body, then the answer, whose end is what is cut. */
export function fittedRaw(raw: RawAnswer, otherBytes: number, most = maxRawBytes): RawAnswer {
  const { reads, payload, requestBody, responseHeaders = "" } = raw;
  let room = Math.max(0, most - otherBytes - 3 * responseHeaders.length);
  if (reads.length + payload.length + (requestBody?.length ?? 0) <= room) return raw;
  const take = (bytes: Uint8Array): Uint8Array => {
    const kept = bytes.subarray(0, room);
    room -= kept.length;
    return kept;
  };
  // Half of the stamps are none.
  const keptReads = reads.length <= room ? take(reads) : reads.subarray(0, 0);
  const keptBody = requestBody && take(requestBody);
  const keptPayload = take(payload);
  const cutBytes = payload.length - keptPayload.length + (requestBody?.length ?? 0) - (keptBody?.length ?? 0);
  return { ...raw, reads: keptReads, requestBody: keptBody, payload: keptPayload, ...(cutBytes === 0 ? {} : { cutBytes }) };
}

/** What is read of a turn's bytes without decoding them, and what is put behind them. Pure. */
import { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { WireReader, WireWriter } from "../../common/wire.ts";

/** Fields of a turn over those that its bytes have. Absent: as they are. */
export interface TurnAmendments {
  readonly maxOutputTokens?: number | undefined;
  readonly delayMs?: number | undefined;
  readonly timestampMs?: number | undefined;
  /** Only taken back. */
  readonly isSelfContained?: false | undefined;
}

const fields = TurnSchema.field;

/** The fields that are among the bytes of a turn, by number. */
export function fieldsOf(bytes: Uint8Array): FieldSet {
  const reader = new WireReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  let seen = 0;
  while (reader.at < bytes.length) {
    const tag = reader.tag();
    if (tag >>> 3 < 32) seen |= 1 << (tag >>> 3);
    reader.skip(tag & 7);
  }
  return { has: (name) => (seen & (1 << fields[name].number)) !== 0 };
}

export interface FieldSet {
  has(name: "maxOutputTokens" | "isSelfContained" | "recipe"): boolean;
}

const none = new Uint8Array(0);
/** Of all fields together. */
const mostBytes = 32;

/** What behind the bytes of a turn makes these its fields: the last one of a number wins. */
export function amendmentsOf({ maxOutputTokens, delayMs, timestampMs, isSelfContained }: TurnAmendments): Uint8Array {
  if ([maxOutputTokens, delayMs, timestampMs, isSelfContained].every((value) => value === undefined)) return none;
  const writer = new WireWriter(Buffer.allocUnsafe(mostBytes));
  if (maxOutputTokens !== undefined) writer.uint(fields.maxOutputTokens.number, maxOutputTokens);
  writer.optionalDouble(fields.delayMs.number, delayMs);
  writer.optionalDouble(fields.timestampMs.number, timestampMs);
  if (isSelfContained === false) writer.falseValue(fields.isSelfContained.number);
  return writer.buffer.subarray(0, writer.end);
}

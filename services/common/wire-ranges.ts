/** Sets of credit ids between the wire and `IdRanges`. */
import type { IdRange } from "../../gen/assay/common/v1/common_pb.js";
import { IdRanges } from "./id-ranges.ts";

export function wireRangesOf(ids: IdRanges): { first: bigint; last: bigint }[] {
  return ids.ranges().map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) }));
}

export function rangesOf(wire: readonly IdRange[]): IdRanges {
  return IdRanges.ofRanges(wire.map(({ first, last }) => ({ first: Number(first), last: Number(last) })));
}

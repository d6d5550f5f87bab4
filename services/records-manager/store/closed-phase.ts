/** A closed phase as the JSON that the file keeps of it, so that a repeated account has the stored answer. */
import { type IdRange, IdRanges } from "../../common/id-ranges.ts";
import type { ClosedPhase } from "../core/accounts.ts";

export function closedPhaseJson(closed: ClosedPhase): string {
  return JSON.stringify({
    ...closed,
    missingRecord: closed.missingRecord.ranges(),
    missingLost: closed.missingLost.ranges(),
    conflicts: closed.conflicts.ranges(),
  });
}

/** Reads what `closedPhaseJson` wrote. */
export function closedPhaseFrom(json: string): ClosedPhase {
  const stored = JSON.parse(json) as Omit<ClosedPhase, RangeKey> & { readonly [key in RangeKey]: readonly IdRange[] };
  return {
    ...stored,
    missingRecord: IdRanges.ofRanges(stored.missingRecord),
    missingLost: IdRanges.ofRanges(stored.missingLost),
    conflicts: IdRanges.ofRanges(stored.conflicts),
  };
}

type RangeKey = "missingRecord" | "missingLost" | "conflicts";

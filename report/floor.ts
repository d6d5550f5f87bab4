/** What `assay doctor` knew of the host when a run was created. Pure. */
import type { ErrorSpread, HostFloor } from "../gen/assay/common/v1/common_pb.js";
import { figure, whole } from "./text.ts";

/** How good figures from this machine can be. */
export function floorLine({ ageSec, pacingNormal, pacingPrecise, stamps, ...rates }: HostFloor): string {
  const spread = ({ p50Ms, p99Ms }: ErrorSpread): string => `${p50Ms.toFixed(2)}/${p99Ms.toFixed(2)}`;
  const parts = [
    ...(pacingNormal === undefined ? [] : [`sends late by ${spread(pacingNormal)} ms p50/p99`]),
    ...(pacingPrecise === undefined ? [] : [`${spread(pacingPrecise)} with precise pacing`]),
    ...(stamps === undefined ? [] : [`chunks stamped late by ${spread(stamps)}`]),
    `one worker ${whole(rates.requestsPerSec)} requests/s, ${whole(rates.chunksPerSec)} chunks/s`,
  ];
  const isShared = rates.busyCores > busyCores;
  const caution = isShared ? `, while others used ${figure(rates.busyCores)} cores` : "";
  return `This machine's floor (assay doctor, ${ageText(ageSec)} before${caution}): ${parts.join(", ")}`;
}

/** From there on what others do shows in a floor. */
const busyCores = 0.3;

function ageText(ageSec: number): string {
  if (ageSec < 5400) return `${whole(ageSec / 60)} min`;
  return ageSec < 172_800 ? `${whole(ageSec / 3600)} h` : `${whole(ageSec / 86_400)} days`;
}

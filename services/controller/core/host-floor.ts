import { create } from "@bufbuild/protobuf";
import { type HostFloor, HostFloorSchema } from "../../../gen/assay/common/v1/common_pb.js";
import type { Floor } from "../../common/floor.ts";

/** What a run says of its host's floor. Pure. */
export function hostFloorOf(floor: Floor, nowWallNs: number): HostFloor {
  const { host, pacing, stamps, requestsPerSec, chunksPerSec, cores } = floor;
  return create(HostFloorSchema, {
    host,
    ageSec: (nowWallNs - floor.measuredWallNs) / 1e9,
    pacingRatePerSec: pacing.ratePerSec,
    pacingNormal: pacing.normal,
    pacingPrecise: pacing.precise,
    stamps,
    requestsPerSec,
    chunksPerSec,
    busyCores: cores.busy,
  });
}

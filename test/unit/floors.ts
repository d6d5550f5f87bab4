import type { Floor } from "../../services/common/floor.ts";

/** Of a machine of which nothing is to be said. */
export const goodFloor: Floor = {
  host: "bench",
  measuredWallNs: 1_700_000_000e9,
  tookSec: 20,
  nodeVersion: "v24.0.0",
  assayVersion: "0.1.0",
  pacing: {
    ratePerSec: 500,
    normal: { count: 1350, p50Ms: 0.57, p99Ms: 1.1 },
    precise: { count: 1350, p50Ms: 0.004, p99Ms: 0.4 },
  },
  stamps: { count: 15_000, p50Ms: 0.04, p99Ms: 0.3, chunksPerSec: 5000 },
  requestsPerSec: 41_000,
  chunksPerSec: 130_000,
  connections: { perSec: 9000, atOnce: 2000, tried: 2000 },
  descriptors: { soft: 65_536, hard: 65_536 },
  ports: { first: 1024, last: 65_535 },
  clock: { resolutionNs: 40, readingNs: 45, wallDriftPpm: 0.2 },
  timers: { count: 400, p50Ms: 0.1, p99Ms: 0.6 },
  cores: { usable: 8, busy: 0.1 },
};

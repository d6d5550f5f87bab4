import { expect } from "chai";
import { hostFloorOf } from "../../../services/controller/core/host-floor.ts";
import { goodFloor } from "../floors.ts";

describe("what a run says of its host's floor", () => {
  it("is the figures that concern it, and how old they are", () => {
    const floor = hostFloorOf(goodFloor, goodFloor.measuredWallNs + 7200e9);
    expect(floor).to.deep.include({ host: "bench", ageSec: 7200, requestsPerSec: 41_000, chunksPerSec: 130_000, busyCores: 0.1 });
    expect(floor.pacingNormal).to.include({ p50Ms: 0.57, p99Ms: 1.1 });
    expect(floor.pacingPrecise).to.include({ p50Ms: 0.004, p99Ms: 0.4 });
    expect(floor.stamps).to.include({ p50Ms: 0.04, p99Ms: 0.3 });
  });
});

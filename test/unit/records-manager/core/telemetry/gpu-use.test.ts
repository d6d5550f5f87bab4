import { expect } from "chai";
import { type GpuSamples, gpuUse, vendorUse } from "../../../../../services/records-manager/core/telemetry/gpu-use.ts";
import { pointsOf, seconds } from "./points.ts";

const base: GpuSamples = {
  vendor: "nvidia",
  subject: "GPU-1",
  source: "http://a:9400/metrics",
  name: "H100",
  index: "0",
  host: "a",
  energy: pointsOf(...Array.from({ length: 61 }, (_, sec) => [sec, 1000 + sec * 100] as const)),
  power: pointsOf([0, 90], [30, 110], [60, 100]),
  utilization: undefined,
  memoryUsed: undefined,
  temperature: undefined,
  gapsNs: Float64Array.of(),
};
const window = [seconds(0, 60)];

function together(...gpus: readonly Partial<GpuSamples>[]) {
  const uses = gpus.flatMap((changes) => gpuUse({ ...base, ...changes }, window) ?? []);
  return vendorUse(uses, "nvidia", 60e9);
}

describe("gpuUse", () => {
  it("has energy, power and how many samples they rest on", () => {
    const { energy, sampledWatts, maxWatts, samples } = gpuUse(base, window) ?? {};
    expect(energy).to.deep.include({ joules: 6000, averageWatts: 100, by: "counter" });
    expect([sampledWatts, maxWatts]).to.deep.equal([100, 110]);
    expect(samples).to.equal(64);
  });

  it("has mean use, and the most memory and the highest temperature of the phase, also of a GPU that says nothing of its power", () => {
    const points = pointsOf([-1, 999], [10, 40], [20, 60], [61, 999]);
    const gauges = { utilization: points, memoryUsed: points, temperature: points };
    const use = gpuUse({ ...base, energy: undefined, power: undefined, ...gauges }, window);
    expect(use).to.deep.include({ utilizationPercent: 50, maxMemoryUsedGb: 60, maxTemperatureC: 60, samples: 0 });
    expect(use?.energy).to.equal(undefined);
    expect(gpuUse({ ...base, utilization: points }, window)).to.deep.include({
      maxMemoryUsedGb: undefined,
      maxTemperatureC: undefined,
    });
  });

  it("is none where nothing was scraped in the phase", () => {
    expect(gpuUse({ ...base, energy: undefined, power: undefined }, window)).to.equal(undefined);
    expect(gpuUse(base, [seconds(100, 200)])).to.equal(undefined);
  });
});

describe("vendorUse", () => {
  it("adds up the GPUs of all hosts", () => {
    expect(together({}, { subject: "GPU-2" }, { host: "b" })).to.deep.equal({
      energy: { joules: 18_000, averageWatts: 300, sampledWatts: 300 },
      doubts: [],
    });
  });

  it("counts a board once, whether its instances repeat its energy, have none of it, or a second page tells of it", () => {
    const zero = pointsOf([0, 0], [60, 0]);
    const instances = [{ subject: "GPU-1/7" }, { subject: "GPU-1/9", energy: zero, power: zero }];
    expect(together({}, ...instances, { source: "http://a:9401/metrics" })?.energy.joules).to.equal(6000);
  });

  it("says of which GPUs nothing is known, and of how many something is doubtful", () => {
    const few = pointsOf([0, 0], [60, 6000]);
    const doubts = together(
      {},
      { subject: "GPU-2", energy: few },
      { subject: "GPU-3", energy: undefined, power: pointsOf([5, 1]) },
    );
    expect(doubts?.energy).to.deep.equal({ joules: 12_000, averageWatts: 200, sampledWatts: 201 });
    expect(doubts?.doubts).to.deep.equal([
      "1 of 3 GPUs: the energy counter changes every 60 s: over 60 s it may be off by 100 %",
      "of 1 of 3 GPUs no energy is known: they are in no figure",
    ]);
  });

  it("is none where the vendor has no GPU", () => {
    expect(vendorUse([], "nvidia", 1)).to.equal(undefined);
    const use = gpuUse(base, window);
    expect(use && vendorUse([use], "amd", 60e9)).to.equal(undefined);
  });
});

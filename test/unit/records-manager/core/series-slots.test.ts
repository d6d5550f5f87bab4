import { expect } from "chai";
import fc from "fast-check";
import { createSlots, slotKindOf } from "../../../../services/records-manager/core/series-slots.ts";

const SECOND = 1e9;
const grid = { originNs: 100 * SECOND, bucketNs: SECOND, bucketCount: 4 };

const at = (sec: number) => (100 + sec) * SECOND;

describe("a gauge in buckets", () => {
  it("has mean, least and greatest of what was scraped in each, and nothing where nothing was", () => {
    const slots = createSlots("gauge", grid);
    for (const [sec, value] of [
      [-1, 99],
      [0, 1],
      [0.5, 4],
      [2, 7],
      [4, 99],
    ] as const)
      slots.add(at(sec), value);
    slots.add(at(3), Number.NaN);
    expect(slots.columns()).to.deep.equal({ buckets: [0, 2], mean: [2.5, 7], min: [1, 7], max: [4, 7] });
  });
});

describe("a counter in buckets", () => {
  it("has its rate, with each step spread evenly over the buckets that it lies in", () => {
    const slots = createSlots("counter", grid);
    for (const [sec, value] of [
      [-0.5, 10],
      [0.5, 20],
      [2.5, 60],
    ] as const)
      slots.add(at(sec), value);
    expect(slots.columns()).to.deep.equal({ buckets: [0, 1, 2], mean: [15, 20, 20], min: [], max: [] });
  });

  it("has no rate for the step in which it fell, nor over a scrape that failed", () => {
    const slots = createSlots("counter", grid);
    slots.add(at(0), 100);
    slots.add(at(1), 5);
    slots.add(at(2), 8);
    slots.gap();
    slots.add(at(3), 20);
    slots.add(at(4), 21);
    expect(slots.columns()).to.deep.equal({ buckets: [1, 3], mean: [3, 1], min: [], max: [] });
  });

  it("loses nothing of what it rose by, however scrapes and buckets lie", () => {
    const step = fc.tuple(fc.integer({ min: 1, max: 4000 }), fc.integer({ min: 0, max: 1000 }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 3000 }), (steps, bucketMs) => {
        let ms = 0;
        let value = 0;
        const lengthMs = steps.reduce((sum, [stepMs]) => sum + stepMs, 0);
        const bucketCount = Math.ceil(lengthMs / bucketMs);
        const slots = createSlots("counter", { originNs: 0, bucketNs: bucketMs * 1e6, bucketCount });
        slots.add(0, 0);
        for (const [stepMs, rise] of steps) {
          ms += stepMs;
          value += rise;
          slots.add(ms * 1e6, value);
        }
        const { buckets, mean } = slots.columns();
        const covered = (bucket: number) => (Math.min(lengthMs, (bucket + 1) * bucketMs) - bucket * bucketMs) / 1e3;
        const total = buckets.reduce((sum, bucket, index) => sum + (mean[index] ?? 0) * covered(bucket), 0);
        expect(total).to.be.closeTo(value, 1e-6 * Math.max(1, value));
      }),
    );
  });
});

describe("what a series is told as", () => {
  for (const [type, name, family, kind] of [
    ["gauge", "a", "a", "gauge"],
    ["unknown", "a", "a", "gauge"],
    ["counter", "a_total", "a_total", "counter"],
    ["histogram", "a_bucket", "a", "counter"],
    ["summary", "a", "a", "gauge"],
    ["summary", "a_sum", "a", "counter"],
  ] as const) {
    it(`${name} of the ${type} ${family}: ${kind}`, () => {
      expect(slotKindOf({ type, name, family })).to.equal(kind);
    });
  }
});

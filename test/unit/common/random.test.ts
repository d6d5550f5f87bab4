import { expect } from "chai";
import fc from "fast-check";
import { permutation, randomStream } from "../../../services/common/random.ts";

const take = (count: number, draw: () => number) => Array.from({ length: count }, draw);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[]) => {
  const center = mean(values);
  return mean(values.map((value) => (value - center) ** 2));
};
const path = fc.array(fc.oneof(fc.maxSafeInteger(), fc.string()), { maxLength: 4 });

describe("randomStream", () => {
  // Computed by a second implementation over BigInt.
  const vectors: { path: [number, ...(string | number)[]]; values: number[] }[] = [
    { path: [0], values: [0.34368268769197474, 0.3447889056532296, 0.7848029817162515] },
    { path: [42, "a", 7], values: [0.9687184084643854, 0.9061757094208013, 0.7680221871678234] },
    { path: [-1, "timing", "arrivals"], values: [0.03923078947970737, 0.8756346633819669, 0.3395373413856312] },
  ];
  for (const { path, values } of vectors) {
    it(`gives the written values for ${JSON.stringify(path)}`, () => {
      const stream = randomStream(...path);
      expect(take(3, () => stream.next())).to.deep.equal(values);
    });
  }

  it("gives the written normal and exponential values", () => {
    const normal = randomStream(42);
    expect(take(3, () => normal.normal())).to.deep.equal([-0.5940610479671318, -0.7754941303920435, -0.678917040531472]);
    const exponential = randomStream(42);
    expect(take(3, () => exponential.exponential())).to.deep.equal([
      0.08126535665016907, 0.4129014718268741, 0.12706387830080454,
    ]);
  });

  it("takes its logarithm within two units in the last place of Math.log", () => {
    const exponential = randomStream(3, "ln");
    const uniform = randomStream(3, "ln");
    const errors = take(20_000, () => {
      const expected = -Math.log(1 - uniform.next());
      return Math.abs(exponential.exponential() - expected) / (2 ** -51 * expected + 2 ** -54);
    });
    expect(Math.max(...errors)).to.be.below(1);
  });

  it("gives different streams to different paths, however the parts are divided", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), path, path, (seed, left, right) => {
        fc.pre(JSON.stringify(left) !== JSON.stringify(right));
        const [a, b] = [randomStream(seed, ...left), randomStream(seed, ...right)];
        return take(4, () => a.next()).join() !== take(4, () => b.next()).join();
      }),
    );
    expect(randomStream(1, "ab", "c").next()).not.to.equal(randomStream(1, "a", "bc").next());
    expect(randomStream(1, 7).next()).not.to.equal(randomStream(1, "7").next());
  });

  it("stays within [0, 1), evenly over ten bins, also across neighbouring streams", () => {
    const bins = new Array<number>(10).fill(0);
    for (let index = 0; index < 20_000; index++) {
      const value = randomStream(9, "conversation", index).next();
      bins[Math.floor(value * 10)] = (bins[Math.floor(value * 10)] as number) + 1;
    }
    expect(bins).to.have.lengthOf(10);
    // Chi-square with 9 degrees of freedom: 27.9 is passed once in a thousand.
    expect(bins.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)).to.be.below(27.9);
  });

  it("draws normal values of mean 0 and variance 1 and exponential ones of mean 1 and variance 1", () => {
    const stream = randomStream(5, "moments");
    const normal = take(20_000, () => stream.normal());
    const exponential = take(20_000, () => stream.exponential());
    expect(mean(normal)).to.be.closeTo(0, 0.03);
    expect(variance(normal)).to.be.closeTo(1, 0.05);
    expect(mean(exponential)).to.be.closeTo(1, 0.03);
    expect(variance(exponential)).to.be.closeTo(1, 0.1);
    expect(Math.min(...exponential)).to.be.at.least(0);
  });

  it("draws integers below a bound, each of them", () => {
    const stream = randomStream(6);
    expect(new Set(take(500, () => stream.below(6)))).to.deep.equal(new Set([0, 1, 2, 3, 4, 5]));
    expect(stream.below(1)).to.equal(0);
  });

  it("refuses a seed that is not a safe integer", () => {
    expect(() => randomStream(1.5)).to.throw(RangeError, "got 1.5");
    expect(() => randomStream(1, 2 ** 53)).to.throw(RangeError, "got 9007199254740992");
  });
});

describe("permutation", () => {
  it("holds every index once and is the same for the same stream", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(200), (seed, size) => {
        const order = permutation(randomStream(seed), size);
        expect([...order].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: size }, (_, index) => index));
        expect(permutation(randomStream(seed), size)).to.deep.equal(order);
      }),
    );
  });

  it("gives every order of three about equally often", () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const order = permutation(randomStream(seed), 3).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).to.equal(6);
    for (const count of counts.values()) expect(count).to.be.within(850, 1150);
  });
});

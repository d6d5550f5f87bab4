import { expect } from "chai";
import { cancellationOf } from "../../../../services/timing/core/cancellation.ts";

const indices = Array.from({ length: 10_000 }, (_, index) => index);
const options = { share: 0.3, delayNs: 5e8, seed: 7, phase: 1 };

describe("requests given up on purpose", () => {
  it("are the share that was asked for, each after the delay", () => {
    const draw = cancellationOf(options);
    const delays = indices.map(draw).filter((delayNs) => delayNs !== undefined);
    expect(new Set(delays)).to.deep.equal(new Set([5e8]));
    // Four standard deviations of a binomial share.
    expect(delays.length / indices.length).to.be.closeTo(0.3, 4 * Math.sqrt((0.3 * 0.7) / indices.length));
  });

  it("are the same for the same seed, in whatever order they are asked for, and others for another seed or phase", () => {
    const chosen = (change = {}, order = indices) => {
      const draw = cancellationOf({ ...options, ...change });
      return order.filter((index) => draw(index) !== undefined).sort((a, b) => a - b);
    };
    expect(chosen({}, indices.toReversed())).to.deep.equal(chosen());
    expect(chosen({ seed: 8 })).to.not.deep.equal(chosen());
    expect(chosen({ phase: 2 })).to.not.deep.equal(chosen());
  });

  it("are all of them for a share of 1, and at once for a delay of 0", () => {
    const draw = cancellationOf({ ...options, share: 1, delayNs: 0 });
    expect(indices.every((index) => draw(index) === 0)).to.equal(true);
  });
});

import { expect } from "chai";
import { meanRoundTripMs } from "../../../../services/records-manager/core/network-rtt.ts";

const one = { ns: [10, 20, 30, 40], values: [1, 2, 4, 8] };
const other = { ns: [25], values: [6] };

describe("the round trip of the network", () => {
  it("is the mean of the handshakes of a stretch, of all hosts and targets, both ends included", () => {
    expect(meanRoundTripMs([one, other], 20, 30)).to.equal(4);
  });

  it("is that of the last ones before, where there is none in it", () => {
    expect(meanRoundTripMs([one, other], 26, 29)).to.equal(4);
    expect(meanRoundTripMs([one, other], 11, 19)).to.equal(1);
  });

  it("is not known before the first, nor without any", () => {
    expect(meanRoundTripMs([one], 0, 9)).to.equal(undefined);
    expect(meanRoundTripMs([], 0, 9)).to.equal(undefined);
  });
});

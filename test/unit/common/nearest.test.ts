import { expect } from "chai";
import { didYouMean, nearest } from "../../../services/common/nearest.ts";

describe("nearest", () => {
  for (const [word, expected] of [
    ["prot", "port"],
    ["prt", "port"],
    ["concurency", "concurrency"],
    ["concurrency", "concurrency"],
    ["concurrent", "concurrency"],
    ["rate", undefined],
    ["", undefined],
  ] as const) {
    it(`takes "${word}" for ${expected ?? "nothing"}`, () => {
      expect(nearest(word, ["port", "concurrency", "warmup"])).to.equal(expected);
    });
  }

  it("prefers the nearer of two", () => {
    expect(nearest("timing-ports", ["timing-part", "timing-port"])).to.equal("timing-port");
  });

  it("ends a message, or adds nothing to it", () => {
    expect(`unknown key x${didYouMean("prot", ["port"])}`).to.equal("unknown key x, did you mean port?");
    expect(`unknown key x${didYouMean("x", ["port"])}`).to.equal("unknown key x");
  });
});

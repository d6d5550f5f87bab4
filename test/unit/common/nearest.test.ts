import { expect } from "chai";
import { didYouMean, nearest, nearestFew } from "../../../services/common/nearest.ts";

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

  it("has a few, those that hold the word first", () => {
    const names = ["inter_token_latency", "latency", "goodput", "latencies"];
    expect(nearestFew("latenci", names, 2)).to.deep.equal(["latencies", "latency"]);
    expect(nearestFew("token", names, 1)).to.deep.equal(["inter_token_latency"]);
  });

  it("ends a message, or adds nothing to it", () => {
    expect(`unknown key x${didYouMean("prot", ["port"])}`).to.equal("unknown key x, did you mean port?");
    expect(`unknown key x${didYouMean("x", ["port"])}`).to.equal("unknown key x");
  });
});

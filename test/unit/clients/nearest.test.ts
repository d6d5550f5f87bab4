import { expect } from "chai";
import { nearest } from "../../../clients/cli/nearest.ts";

describe("what somebody may have meant", () => {
  for (const [text, meant] of [
    ["--concurency", "--concurrency"],
    ["--isk", "--isl"],
    ["-n", "-m"],
    ["--isl", "--isl"],
    ["--fixed-schedule", undefined],
    ["--x", undefined],
    ["", undefined],
  ] as const) {
    it(`is ${meant ?? "nothing"} for ${JSON.stringify(text)}`, () => {
      expect(nearest(text, ["--concurrency", "--isl", "--osl-stddev", "-m"])).to.equal(meant);
    });
  }
});

import { expect } from "chai";
import { readRateSeries } from "../../../../clients/cli/spec/rate-series.ts";

describe("a file of a rate series", () => {
  it("gives the points of the spec", () => {
    const read = readRateSeries('{"points": [{"time_s": 0, "qps": 5}, {"time_s": 60.5, "qps": 1e1}]}');
    expect(read).to.deep.equal({
      points: [
        { at_sec: 0, rate_per_sec: 5 },
        { at_sec: 60.5, rate_per_sec: 10 },
      ],
      problems: [],
    });
  });

  const expected = 'expected {"points": [{"time_s": 0, "qps": 5}, …]}';
  const wrong: readonly (readonly [what: string, text: string, problems: readonly string[]])[] = [
    ["is empty", "", [`1:1: ${expected}`]],
    ["is no object", "[1]", [`1:1: ${expected}`]],
    ["has no points", '{"points": []}', [`1:1: ${expected}`]],
    ["has a point that is none", '{"points": [7]}', ['1:13: points[0]: expected {"time_s": …, "qps": …}']],
    [
      "lacks a rate and goes back in time",
      '{"points": [\n  {"time_s": 5, "qps": 1},\n  {"time_s": 4}\n]}',
      [
        "3:14: points[1].time_s: expected a number of at least 5, got 4",
        "3:3: points[1].qps: expected a number of at least 0, got nothing",
      ],
    ],
    [
      "has other things for numbers",
      '{"points": [{"time_s": "0", "qps": -1}]}',
      [
        '1:24: points[0].time_s: expected a number of at least 0, got "0"',
        "1:36: points[0].qps: expected a number of at least 0, got -1",
      ],
    ],
    ["never has a rate", '{"points": [{"time_s": 0, "qps": 0}]}', ["1:12: points: expected one with a qps above 0"]],
  ];
  for (const [what, text, problems] of wrong) {
    it(`is refused with its place where it ${what}`, () => {
      expect(readRateSeries(text).problems).to.deep.equal(problems);
    });
  }

  it("is refused with its place where it is no JSON", () => {
    expect(readRateSeries('{"points": [').problems[0]).to.match(/^1:13: /);
  });
});

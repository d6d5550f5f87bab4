import { expect } from "chai";
import { readDistribution, readLengthMix } from "../../../clients/cli/distribution-text.ts";

describe("a distribution on the command line", () => {
  const read: readonly (readonly [string, object])[] = [
    ["fixed:7", { mean: 7 }],
    ["normal:mean=500,stddev=40,min=1", { kind: "normal", mean: 500, stddev: 40, min: 1 }],
    ["lognormal:mean=500,median=300,max=4000", { kind: "lognormal", mean: 500, median: 300, max: 4000 }],
    ["uniform:min=1,max=9", { kind: "uniform", min: 1, max: 9 }],
    [
      "multimodal:128|10:60;512:40",
      {
        kind: "multimodal",
        peaks: [
          { mean: 128, stddev: 10, weight: 60 },
          { mean: 512, weight: 40 },
        ],
      },
    ],
    [
      "empirical:10:1;20:2.5",
      {
        kind: "empirical",
        points: [
          { value: 10, weight: 1 },
          { value: 20, weight: 2.5 },
        ],
      },
    ],
  ];
  for (const [text, value] of read) it(`is read: ${text}`, () => expect(readDistribution(text)).to.deep.equal({ value }));

  const wrong = [
    "",
    "7",
    "gauss:mean=1",
    "normal:mean=x",
    "normal:mean=1,mean=2",
    "uniform:low=1",
    "empirical:1",
    "fixed:",
    "multimodal:1:x",
  ];
  for (const text of wrong) {
    it(`is refused: ${JSON.stringify(text)}`, () => expect(readDistribution(text)).to.have.property("expected"));
  }
});

describe("pairs of lengths on the command line", () => {
  const pairs = [
    { input_tokens: { mean: 256, stddev: 10 }, output_tokens: { mean: 128 }, weight: 40 },
    { input_tokens: { mean: 512 }, output_tokens: { mean: 256, stddev: 5 }, weight: 60 },
  ];
  const spellings = [
    "256|10,128:40;512,256|5:60",
    " 256|10 , 128 : 40 ; 512 , 256|5 : 60 ",
    "[(256|10,128):40,(512,256|5):60]",
    '{"pairs":[{"isl":256,"isl_stddev":10,"osl":128,"prob":40},{"isl":512,"osl":256,"osl_stddev":5,"prob":60}]}',
  ];
  for (const text of spellings) it(`are read: ${text}`, () => expect(readLengthMix(text)).to.deep.equal({ value: pairs }));

  it("are refused where their percentages do not sum to 100, which says what they sum to", () => {
    expect(readLengthMix("1,1:40;2,2:50")).to.deep.equal({ expected: "percentages that sum to 100, not to 90" });
    expect(readLengthMix("1,1:33.33;2,2:33.33;3,3:33.34")).to.have.property("value");
  });

  for (const text of [
    "",
    "1:100",
    "1,2,3:100",
    "[(1,2):100",
    "[(1,2):50 (3,4):50]",
    "{",
    '{"pairs":[7]}',
    "1|,2:100",
    "a,b:100",
  ]) {
    it(`are refused: ${JSON.stringify(text)}`, () => expect(readLengthMix(text)).to.have.property("expected"));
  }
});

import { expect } from "chai";
import { DEFINITIONS, type Definition } from "../../../../services/common/tool-definitions.ts";
import { definedFigures, FIGURES, type StreamFacts } from "../../../../services/records-manager/core/definitions.ts";

/** Due at −50 ms, sent at 0; the usage says 6 tokens, of which one was reasoning. */
const stream: StreamFacts = {
  events: [
    { kind: "role", ns: 100e6 },
    { kind: "reasoning", ns: 120e6, tokens: 1 },
    { kind: "content", ns: 140e6, tokens: 2 },
    { kind: "content", ns: 180e6, tokens: 2 },
    { kind: "content", ns: 200e6, tokens: 1 },
    { kind: "finish", ns: 205e6 },
    { kind: "usage", ns: 206e6 },
    { kind: "end", ns: 206e6 },
  ],
  dueNs: -50e6,
  endNs: 206e6,
  tokens: 6,
  contentTokens: 5,
};

/** Mean of what one stream gives, as the tool has it; undefined: it has no such figure. */
function means(definition: Definition, changes: Partial<StreamFacts> = {}) {
  const figures = definedFigures(definition, { ...stream, ...changes });
  return FIGURES.map((name) => {
    const rows = figures[name];
    const weight = rows.reduce((sum, row) => sum + row.weight, 0);
    const mean = rows.reduce((sum, row) => sum + row.ms * row.weight, 0) / weight;
    return rows.length === 0 ? undefined : Math.round(mean * 10) / 10;
  });
}

describe("one stream by the formulas of other tools", () => {
  const rows: readonly [Definition, ttft: number, tpot: number | undefined, itl: number | undefined, e2e: number][] = [
    ["aiperf", 120, undefined, 16, 200],
    ["vllm", 100, 21, 21, 205],
    ["sglang", 120, 17.2, 26.7, 206],
    ["guidellm", 120, 33.3, 16, 206],
    ["inference-perf", 140, 15, 15, 206],
    ["genai-perf", 140, undefined, 15, 200],
    ["llmperf", 140, undefined, 40, 206],
    ["mlperf", 190, 12, undefined, 250],
  ];
  for (const [definition, ...expected] of rows) {
    it(`is what ${definition} says`, () => {
      expect(means(definition)).to.deep.equal(expected);
    });
  }

  it("is known of every definition", () => {
    expect(rows.map(([definition]) => definition)).to.deep.equal([...DEFINITIONS]);
  });

  it("is what inference-perf says by the server's tokens, where reasoning counts without its time", () => {
    expect(means("inference-perf", { contentTokens: 6 })).to.deep.equal([140, 12, 15, 206]);
  });

  it("has 5 gaps between vllm's chunks, 3 between sglang's and 4 between inference-perf's tokens", () => {
    const counts = (["vllm", "sglang", "inference-perf"] as const).map((name) => definedFigures(name, stream).itl.length);
    expect(counts).to.deep.equal([5, 3, 4]);
  });

  it("of one token has no TPOT but guidellm's", () => {
    for (const definition of DEFINITIONS) {
      const { tpot } = definedFigures(definition, { ...stream, tokens: 1, contentTokens: 1 });
      if (definition !== "guidellm") expect(tpot, definition).to.deep.equal([]);
    }
  });

  it("that is empty gives nothing but its end", () => {
    for (const definition of DEFINITIONS) {
      const { ttft, tpot, itl } = definedFigures(definition, {
        ...stream,
        events: [],
        tokens: undefined,
        contentTokens: undefined,
      });
      expect([ttft, tpot, itl], definition).to.deep.equal([[], [], []]);
    }
  });
});

import { expect } from "chai";
import { askedLoad, askedNetworkRtt, opensConnectionsAlways } from "../../../../services/records-manager/core/asked-load.ts";

const unknown = {
  loop: undefined,
  fillsSlots: false,
  isReplay: false,
  hasBursts: false,
  ratePerSec: undefined,
  concurrency: undefined,
  dispersion: undefined,
};

describe("the load that a phase asked for", () => {
  for (const [what, phase, expected] of [
    ["a rate by a clock", { rate: { ratePerSec: 5, pattern: "ARRIVAL_PATTERN_CONSTANT" } }, { ratePerSec: 5, dispersion: 0 }],
    ["a rate by chance", { rate: { ratePerSec: 5, pattern: "ARRIVAL_PATTERN_POISSON" } }, { ratePerSec: 5, dispersion: 1 }],
    [
      "a gamma rate",
      { rate: { ratePerSec: 5, pattern: "ARRIVAL_PATTERN_GAMMA", smoothness: 4 } },
      { ratePerSec: 5, dispersion: 0.25 },
    ],
    ["bursts at a ceiling", { rate: { pattern: "ARRIVAL_PATTERN_CONCURRENCY_BURST" } }, {}],
    ["bursts", { rate: { bursts: { size: 2, intervalSec: 1 } } }, { hasBursts: true }],
    ["a rate that changes", { rate: { ratePerSec: 5, series: [{ atSec: 0, ratePerSec: 1 }] } }, {}],
    ["a rate with a ramp", { rate: { ratePerSec: 5 }, ramps: [{ quantity: "rate" }] }, {}],
    ["a trace", { schedule: {} }, { isReplay: true }],
  ] as const) {
    it(`is known of ${what}`, () => {
      expect(askedLoad(JSON.stringify({ phases: [{}, phase] }), 1)).to.deep.equal({ ...unknown, loop: "open", ...expected });
    });
  }

  it("fills slots in a closed loop that nothing holds back", () => {
    const of = (phase: object) => askedLoad(JSON.stringify({ phases: [phase] }), 0);
    expect(of({ concurrency: { limit: 8 } })).to.deep.equal({ ...unknown, loop: "closed", concurrency: 8, fillsSlots: true });
    expect(of({ concurrency: { limit: 8 }, prefillConcurrency: 2 }).fillsSlots).to.equal(false);
    expect(of({ concurrency: { limit: 8 }, ramps: [{}] }).fillsSlots).to.equal(false);
  });

  it("is unknown where the spec does not tell", () => {
    for (const spec of ["", "[]", "{}", '{"phases":[{}]}', '{"phases":[null]}']) {
      expect(askedLoad(spec, 0)).to.deep.equal(unknown);
    }
  });

  it("may say what the network takes, or have it measured", () => {
    expect(askedNetworkRtt('{"output":{"networkLatencyMs":2.5}}')).to.equal(2.5);
    expect(askedNetworkRtt('{"output":{"measureNetworkLatency":true}}')).to.equal("measured");
    for (const spec of ["", "{}", '{"output":{}}']) expect(askedNetworkRtt(spec)).to.equal(undefined);
  });

  it("may be one connection a request", () => {
    expect(opensConnectionsAlways('{"target":{"connectionReuse":"CONNECTION_REUSE_NEVER"}}')).to.equal(true);
    expect(opensConnectionsAlways('{"target":{}}')).to.equal(false);
  });
});

import { expect } from "chai";
import { type ClientEvidence, clientVerdict } from "../../../../services/records-manager/core/verdict.ts";

const clean: ClientEvidence = {
  loopUtilisationMax: 0.4,
  latenessP99Ns: 1e6,
  arrivals: [{ count: 1000, scheduledNs: 10e9, sentNs: 10.001e9 }],
  clockUncertaintyNs: 0,
  drawn: 1000,
  missing: 0,
  late: 0,
  conflicts: 0,
  isAccountComplete: true,
  fdShareMax: 0.1,
  portShareMax: 0.1,
  fencedOverruns: 0,
  protocolViolations: 0,
  outboxStops: 0,
};

describe("the verdict on the client", () => {
  it("is valid without reasons when nothing is wrong", () => {
    expect(clientVerdict(clean)).to.deep.equal({ verdict: "valid", reasons: [] });
  });

  it("is valid where nothing could be measured", () => {
    const unknown = {
      loopUtilisationMax: undefined,
      latenessP99Ns: undefined,
      arrivals: [],
      fdShareMax: undefined,
      portShareMax: undefined,
    };
    expect(clientVerdict({ ...clean, ...unknown }).verdict).to.equal("valid");
  });

  const rows: [title: string, evidence: Partial<ClientEvidence>, verdict: string, code: string][] = [
    ["a loop at its bound", { loopUtilisationMax: 0.7 }, "valid", ""],
    ["a busy loop", { loopUtilisationMax: 0.71 }, "suspect", "loop_utilisation"],
    ["a saturated loop", { loopUtilisationMax: 0.99 }, "invalid", "loop_utilisation"],
    ["late sending", { latenessP99Ns: 6e6 }, "suspect", "lateness"],
    ["very late sending", { latenessP99Ns: 200e6 }, "invalid", "lateness"],
    ["arrivals slower than scheduled", { arrivals: [{ count: 100, scheduledNs: 10e9, sentNs: 10.2e9 }] }, "suspect", "arrivals"],
    ["arrivals faster than scheduled", { arrivals: [{ count: 100, scheduledNs: 10e9, sentNs: 9.8e9 }] }, "suspect", "arrivals"],
    ["arrivals at half the rate", { arrivals: [{ count: 100, scheduledNs: 10e9, sentNs: 20e9 }] }, "invalid", "arrivals"],
    ["too few arrivals to judge", { arrivals: [{ count: 5, scheduledNs: 1e9, sentNs: 2e9 }] }, "valid", ""],
    [
      "one phase of two off its schedule",
      { arrivals: [...clean.arrivals, { count: 50, scheduledNs: 1e9, sentNs: 1.05e9 }] },
      "suspect",
      "arrivals",
    ],
    ["clocks less sure than a tenth of the lateness", { clockUncertaintyNs: 2e5 }, "suspect", "clock_uncertainty"],
    ["a few missing records", { missing: 10 }, "suspect", "missing_records"],
    ["many missing records", { missing: 11 }, "invalid", "missing_records"],
    ["late records", { late: 1 }, "suspect", "late_records"],
    ["conflicts", { conflicts: 1 }, "invalid", "conflicts"],
    ["no complete account", { isAccountComplete: false }, "suspect", "account_incomplete"],
    ["descriptors running out", { fdShareMax: 0.95 }, "suspect", "fds"],
    ["descriptors used up", { fdShareMax: 1 }, "invalid", "fds"],
    ["ports running out", { portShareMax: 0.9 }, "suspect", "ports"],
    ["a frozen worker that woke up", { fencedOverruns: 1 }, "suspect", "fenced_overrun"],
    ["a credit returned against the rules", { protocolViolations: 1 }, "invalid", "protocol_violation"],
    ["sending stopped by a full outbox", { outboxStops: 2 }, "suspect", "outbox_full"],
  ];
  for (const [title, evidence, verdict, code] of rows) {
    it(`is ${verdict} for ${title}`, () => {
      const answer = clientVerdict({ ...clean, ...evidence });
      expect(answer.verdict).to.equal(verdict);
      expect(answer.reasons.map((reason) => reason.code).join()).to.equal(code);
    });
  }

  it("is the worst of several, and names them all", () => {
    const answer = clientVerdict({ ...clean, late: 3, conflicts: 1 });
    expect(answer.verdict).to.equal("invalid");
    expect(answer.reasons.map((reason) => reason.verdict)).to.deep.equal(["suspect", "invalid"]);
  });

  it("names the figure and the bound", () => {
    const [reason] = clientVerdict({ ...clean, loopUtilisationMax: 0.8 }).reasons;
    expect(reason?.message).to.equal("a worker's event loop was busy 80.0 % of a second, above 70.0 %");
  });
});

import { expect } from "chai";
import type { PhaseEvidence } from "../../../../services/records-manager/core/phase-rules.ts";
import { type ClientEvidence, clientVerdict } from "../../../../services/records-manager/core/verdict.ts";
import { VERDICT_CODES } from "../../../../services/records-manager/core/verdict-reason.ts";

const cleanPhase: PhaseEvidence = {
  lateness: { count: 1000, p99Ns: 1e6, overSuspect: 3, overInvalid: 0 },
  arrivals: { count: 1000, scheduledNs: 10e9, sentNs: 10.001e9 },
  sends: {
    count: 1000,
    dispersion: { sent: 1.1, scheduled: 1 },
    bursts: undefined,
    firstLatenessNs: 2e6,
    connectionWaits: undefined,
    turnaround: undefined,
  },
  opensAlways: false,
};

const clean: ClientEvidence = {
  usage: { loopUtilisationMax: 0.4, blockedShare: 0.001, gcShare: 0.02, fdShareMax: 0.1 },
  phases: [cleanPhase],
  clockUncertaintyNs: 0,
  drawn: 1000,
  missing: 0,
  unconnected: 0,
  late: 0,
  conflicts: 0,
  isAccountComplete: true,
  fencedOverruns: 0,
  protocolViolations: 0,
  outboxStops: 0,
};

function using(change: Partial<ClientEvidence["usage"]>): Partial<ClientEvidence> {
  return { usage: { ...clean.usage, ...change } };
}

function phase(change: Partial<PhaseEvidence>): Partial<ClientEvidence> {
  return { phases: [{ ...cleanPhase, ...change }] };
}

function sends(change: Partial<PhaseEvidence["sends"]>): Partial<ClientEvidence> {
  return phase({ sends: { ...cleanPhase.sends, ...change } });
}

function late(count: number, overSuspect: number, overInvalid = 0): Partial<ClientEvidence> {
  return phase({ lateness: { count, p99Ns: 1e6, overSuspect, overInvalid } });
}

function arrived(count: number, scheduledNs: number, sentNs: number): Partial<ClientEvidence> {
  return phase({ arrivals: { count, scheduledNs, sentNs } });
}

function waits(count: number, p50Ns: number) {
  return { count, p50Ns, p99Ns: p50Ns, maxNs: p50Ns };
}

function bursts(spreadP50Ns: number) {
  return { count: 5, largest: 50, spreadP50Ns, spreadMaxNs: spreadP50Ns, slowCount: 3 };
}

describe("the verdict on the client", () => {
  it("is valid without reasons when nothing is wrong", () => {
    expect(clientVerdict(clean)).to.deep.equal({ verdict: "valid", reasons: [] });
  });

  it("is valid where nothing could be measured", () => {
    const usage = { loopUtilisationMax: undefined, blockedShare: undefined, gcShare: undefined } as const;
    const nothing = { ...usage, fdShareMax: undefined };
    expect(clientVerdict({ ...clean, usage: nothing, phases: [] }).verdict).to.equal("valid");
  });

  const rows: [title: string, evidence: Partial<ClientEvidence>, verdict: string, code: string][] = [
    ["a loop at its bound", using({ loopUtilisationMax: 0.7 }), "valid", ""],
    ["a busy loop", using({ loopUtilisationMax: 0.71 }), "suspect", "loop_utilisation"],
    ["a saturated loop", using({ loopUtilisationMax: 0.99 }), "invalid", "loop_utilisation"],
    ["a loop that stands still", using({ blockedShare: 0.02 }), "suspect", "loop_blocked"],
    ["a loop that often stands still", using({ blockedShare: 0.2 }), "invalid", "loop_blocked"],
    ["much garbage collection", using({ gcShare: 0.11 }), "suspect", "gc_pauses"],
    ["hardly anything but garbage collection", using({ gcShare: 0.31 }), "invalid", "gc_pauses"],
    ["late sending", late(1000, 11), "suspect", "lateness"],
    ["very late sending", late(1000, 30, 11), "invalid", "lateness"],
    ["some very late requests among many late ones", late(1000, 30, 2), "suspect", "lateness"],
    ["a hiccup of a short run", late(20, 2, 2), "valid", ""],
    ["more than a hiccup of a short run", late(20, 3), "suspect", "lateness"],
    ["a late start", sends({ firstLatenessNs: 101e6 }), "suspect", "late_start"],
    ["arrivals slower than scheduled", arrived(100, 10e9, 10.2e9), "suspect", "arrivals"],
    ["arrivals faster than scheduled", arrived(100, 10e9, 9.8e9), "suspect", "arrivals"],
    ["arrivals at half the rate", arrived(100, 10e9, 20e9), "invalid", "arrivals"],
    ["too few arrivals to judge", arrived(5, 10e9, 20e9), "valid", ""],
    ["a schedule too short to judge", arrived(50, 1e9, 1.05e9), "valid", ""],
    [
      "one phase of two off its schedule",
      { phases: [cleanPhase, { ...cleanPhase, arrivals: { count: 50, scheduledNs: 4e9, sentNs: 4.2e9 } }] },
      "suspect",
      "arrivals",
    ],
    ["sends in bunches", sends({ dispersion: { sent: 1.3, scheduled: 1 } }), "suspect", "bunched_arrivals"],
    ["sends in large bunches", sends({ dispersion: { sent: 1.5, scheduled: 0 } }), "invalid", "bunched_arrivals"],
    ["a schedule that is bursty itself", sends({ dispersion: { sent: 4.4, scheduled: 4 } }), "valid", ""],
    ["bursts within a millisecond", sends({ bursts: bursts(0.9e6) }), "valid", ""],
    ["bursts that are spread out", sends({ bursts: bursts(2e6) }), "suspect", "burst_spread"],
    ["bursts that are none", sends({ bursts: bursts(30e6) }), "invalid", "burst_spread"],
    [
      "requests that a ceiling holds back",
      { phases: [{ ...cleanPhase, arrivals: undefined, sends: { ...cleanPhase.sends, dispersion: { sent: 5, scheduled: 1 } } }] },
      "valid",
      "",
    ],
    ["long waits for connections", sends({ connectionWaits: waits(60, 6e6) }), "suspect", "connection_waits"],
    ["short waits for connections", sends({ connectionWaits: waits(60, 4e6) }), "valid", ""],
    ["few waits for connections", sends({ connectionWaits: waits(50, 6e6) }), "valid", ""],
    [
      "connections that are to be opened every time",
      { phases: [{ ...cleanPhase, opensAlways: true, sends: { ...cleanPhase.sends, connectionWaits: waits(1000, 6e6) } }] },
      "valid",
      "",
    ],
    ["slots that stay free", sends({ turnaround: waits(100, 3e6) }), "suspect", "turnaround"],
    ["slots that stay free for long", sends({ turnaround: waits(100, 60e6) }), "invalid", "turnaround"],
    ["a few slots that stay free", sends({ turnaround: waits(19, 60e6) }), "valid", ""],
    ["clocks less sure than a tenth of the lateness", { clockUncertaintyNs: 2e5 }, "suspect", "clock_uncertainty"],
    ["a few missing records", { missing: 10 }, "suspect", "missing_records"],
    ["many missing records", { missing: 11 }, "invalid", "missing_records"],
    ["late records", { late: 1 }, "suspect", "late_records"],
    ["conflicts", { conflicts: 1 }, "invalid", "conflicts"],
    ["no complete account", { isAccountComplete: false }, "suspect", "account_incomplete"],
    ["descriptors running out", using({ fdShareMax: 0.95 }), "suspect", "fds"],
    ["descriptors used up", using({ fdShareMax: 1 }), "invalid", "fds"],
    ["a few requests without a socket", { unconnected: 10 }, "suspect", "no_sockets"],
    ["many requests without a socket", { unconnected: 11 }, "invalid", "no_sockets"],
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

  it("has a case here for every rule", () => {
    expect(new Set(rows.map(([, , , code]) => code).filter((code) => code !== ""))).to.deep.equal(new Set(VERDICT_CODES));
  });

  it("is the worst of several, and names them all", () => {
    const answer = clientVerdict({ ...clean, late: 3, conflicts: 1 });
    expect(answer.verdict).to.equal("invalid");
    expect(answer.reasons.map((reason) => reason.verdict)).to.deep.equal(["suspect", "invalid"]);
  });

  it("names the figure and the bound", () => {
    const [reason] = clientVerdict({ ...clean, ...using({ loopUtilisationMax: 0.8 }) }).reasons;
    expect(reason?.message).to.equal("a worker's event loop was busy 80.0 % of a second, above 70.0 %");
  });
});

import { expect } from "chai";
import { SendLog, type SendLogOptions, type SendMoments } from "../../../../services/records-manager/core/send-log.ts";

const OPEN: SendLogOptions = { hasCeiling: false, fillsSlots: false, hasBursts: false };
const CLOSED: SendLogOptions = { hasCeiling: false, fillsSlots: true, hasBursts: false };
const START = 1e15;

function moments(sentMs: number, change: Partial<SendMoments> = {}): SendMoments {
  const sentNs = START + sentMs * 1e6;
  return {
    dueNs: null,
    issuedNs: sentNs - 1000,
    receivedNs: sentNs - 500,
    sentNs,
    endNs: 10e6,
    connectNs: null,
    workerId: "w",
    turn: 0,
    ...change,
  };
}

function logOf(options: SendLogOptions, requests: readonly SendMoments[]): SendLog {
  const log = new SendLog(options);
  for (const request of requests) log.add(request);
  return log;
}

/** Due every 10 ms, sent as much later as `lateMs` says. */
function paced(count: number, lateMs: (index: number) => number): SendLog {
  const requests = Array.from({ length: count }, (_, index) =>
    moments(index * 10 + lateMs(index), { dueNs: START + index * 10e6 }),
  );
  return logOf(OPEN, requests);
}

describe("the log of a phase's sends", () => {
  it("has nothing to say of no request", () => {
    expect(logOf(OPEN, []).figures()).to.deep.equal({
      count: 0,
      sentPerSec: undefined,
      scheduledPerSec: undefined,
      dispersion: undefined,
      gapCorrelation: undefined,
      bursts: undefined,
      firstLatenessNs: undefined,
      slotWaits: undefined,
      connectionWaits: undefined,
      turnaround: undefined,
    });
  });

  it("tells the rate that was sent and the one that was scheduled", () => {
    const { sentPerSec, scheduledPerSec, firstLatenessNs } = paced(101, (index) => (index === 100 ? 1000 : 1)).figures();
    expect(scheduledPerSec).to.be.closeTo(100, 1e-9);
    expect(sentPerSec).to.be.closeTo(100 / 1.999, 1e-9);
    expect(firstLatenessNs).to.equal(1e6);
  });

  it("sees no bunches in sends that keep to a clock, whatever little they are late", () => {
    const { dispersion } = paced(1000, (index) => (index * 7919) % 4).figures();
    expect(dispersion).to.deep.equal({ sent: 0, scheduled: 0 });
  });

  it("sees bunches where sending stood still", () => {
    // Everything due in a second of ten is sent at its end.
    const { dispersion } = paced(1000, (index) => (index >= 400 && index < 500 ? (500 - index) * 10 : 0)).figures();
    expect(dispersion?.scheduled).to.equal(0);
    expect(dispersion?.sent).to.be.greaterThan(5);
  });

  it("says nothing of the evenness of few requests", () => {
    expect(paced(150, () => 0).figures().dispersion).to.equal(undefined);
    expect(paced(230, () => 0).figures().dispersion).to.deep.equal({ sent: 0, scheduled: 0 });
  });

  it("looks for bursts where the load is made of them", () => {
    const together = [moments(0, { dueNs: START }), moments(3, { dueNs: START })];
    expect(logOf(OPEN, together).figures().bursts).to.equal(undefined);
    expect(logOf({ ...OPEN, hasBursts: true }, together).figures().bursts).to.include({ largest: 2, spreadMaxNs: 3e6 });
  });

  it("tells who waited for a slot below a ceiling", () => {
    const waiting = (ms: number) => moments(100, { dueNs: START + (100 - ms) * 1e6, issuedNs: START + 100e6 });
    const log = logOf({ hasCeiling: true, fillsSlots: false, hasBursts: false }, [waiting(0), waiting(1), waiting(50)]);
    expect(log.figures().slotWaits).to.deep.equal({ count: 1, p50Ns: 50e6, p99Ns: 50e6, maxNs: 50e6 });
    expect(paced(10, () => 50).figures().slotWaits).to.equal(undefined);
  });

  it("tells who waited for a connection, and not who found a new one open", () => {
    const found = moments(10, { connectNs: 2e6, receivedNs: START + 9.9e6 });
    const waited = moments(20, { connectNs: 2e6, receivedNs: START + 17e6 });
    expect(logOf(CLOSED, [found, waited]).figures().connectionWaits).to.include({ count: 1, maxNs: 2e6 });
  });

  it("measures how long slots stay free, worker by worker", () => {
    // Two slots at `a`, one at `b`; what `b` sends follows its own request only.
    const log = logOf(CLOSED, [
      moments(0, { workerId: "a" }),
      moments(1, { workerId: "a" }),
      moments(0, { workerId: "b", endNs: 20e6 }),
      moments(10.5, { workerId: "a" }),
      moments(11.5, { workerId: "a" }),
      moments(24, { workerId: "b" }),
    ]);
    expect(log.figures().turnaround).to.deep.include({ count: 3, p50Ns: 0.5e6, maxNs: 4e6 });
  });

  it("does not take a slot that was taken away for one that stays free", () => {
    const log = logOf(CLOSED, [moments(0), moments(0), moments(10.5), moments(21)]);
    expect(log.figures().turnaround).to.deep.include({ count: 2, maxNs: 0.5e6 });
  });

  it("says nothing of slots where later turns may wait on purpose", () => {
    const log = logOf(CLOSED, [moments(0), moments(10.5), moments(30, { turn: 1 })]);
    expect(log.figures().turnaround).to.equal(undefined);
  });
});

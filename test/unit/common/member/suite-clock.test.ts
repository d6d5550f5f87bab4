import { expect } from "chai";
import { monotonicNs } from "../../../../services/common/clock.ts";
import { MeasuredSuiteClock, readClockIdentity } from "../../../../services/common/member/suite-clock.ts";

const HOUR = 3600e9;

/** A ping of no length to a clock that is ahead by so much. */
function pingAhead(aheadNs: number) {
  const nowNs = monotonicNs();
  return { sentNs: nowNs, remoteReceivedNs: nowNs + aheadNs, remoteSentNs: nowNs + aheadNs, receivedNs: nowNs };
}

describe("suite time", () => {
  it("is this process's own clock, exactly, where both have one clock", () => {
    const clock = new MeasuredSuiteClock();
    clock.add(pingAhead(HOUR));
    clock.share();
    expect([clock.toSuite(5.5), clock.toLocal(7.25), clock.needsPings]).to.deep.equal([5.5, 7.25, false]);
    expect(clock.offset()).to.deep.equal({ offsetNs: 0, uncertaintyNs: 0, driftPpm: 0 });
  });

  it("is unmeasured at first: readings pass as they are, and the offset is undefined", () => {
    const clock = new MeasuredSuiteClock();
    expect([clock.toSuite(5), clock.toLocal(7), clock.needsPings]).to.deep.equal([5, 7, true]);
    expect(clock.offset()).to.equal(undefined);
  });

  it("is the local reading and the measured offset, there and back", () => {
    const clock = new MeasuredSuiteClock();
    clock.add(pingAhead(HOUR));
    const localNs = monotonicNs();
    expect(clock.toSuite(localNs)).to.be.closeTo(localNs + HOUR, 1000);
    expect(clock.toLocal(clock.toSuite(localNs))).to.be.closeTo(localNs, 1000);
    expect(clock.now() - monotonicNs()).to.be.closeTo(HOUR, 1e9);
  });

  it("has an identity that two readings of one process share", () => {
    expect(readClockIdentity()).to.deep.equal(readClockIdentity());
    expect(Object.keys(readClockIdentity())).to.deep.equal(["bootId", "timeNamespace"]);
  });
});

import { expect } from "chai";
import { UsageMeter, type UsageReading, type Window } from "../../../../services/records-manager/core/client-usage.ts";

const SEC = 1e9;

function reading(sec: number, change: Partial<UsageReading> = {}): UsageReading {
  return {
    workerId: "a",
    ns: sec * SEC,
    loopUtilisation: 0.2,
    loopDelayMaxNs: 1e6,
    gcNs: 5e6,
    gcCount: 2,
    gcMaxNs: 3e6,
    openFds: 50,
    fdShare: 0.1,
    connections: 8,
    openedConnections: 8,
    replacedConnections: 0,
    ...change,
  };
}

function usageOf(readings: readonly UsageReading[], windows: readonly Window[] = []) {
  const meter = new UsageMeter(windows);
  for (const each of readings) meter.add(each);
  return meter.usage();
}

describe("what workers used", () => {
  it("is unknown where nothing was read", () => {
    expect(usageOf([])).to.deep.equal({
      workers: 0,
      loopUtilisationMax: undefined,
      loopDelayMaxNs: undefined,
      blockedShare: undefined,
      gcShare: undefined,
      gcCount: 0,
      gcMaxNs: undefined,
      fdShareMax: undefined,
      openedConnections: 0,
      replacedConnections: 0,
    });
  });

  it("takes a busy second, and not a busy half of one", () => {
    const busyHalf = [0.5, 1, 1.5, 2].map((sec) => reading(sec, { loopUtilisation: sec === 1 ? 1 : 0.2 }));
    expect(usageOf(busyHalf).loopUtilisationMax).to.be.closeTo(0.6, 1e-12);
    expect(usageOf([reading(0.5, { loopUtilisation: 1 })]).loopUtilisationMax).to.equal(undefined);
  });

  it("takes no second across the time between two phases", () => {
    const apart = [reading(0.5, { loopUtilisation: 1 }), reading(9, { loopUtilisation: 1 })];
    expect(usageOf(apart).loopUtilisationMax).to.equal(undefined);
  });

  it("takes the worst of several workers, and counts all of them", () => {
    const secs = [0.5, 1, 1.5, 2];
    const usage = usageOf(
      secs.flatMap((sec) => [
        reading(sec),
        reading(sec, { workerId: "b", gcNs: 50e6, gcMaxNs: 20e6, loopDelayMaxNs: 30e6, openedConnections: 8 + sec * 2 }),
      ]),
    );
    expect(usage).to.include({ workers: 2, gcCount: 16, gcMaxNs: 20e6, loopDelayMaxNs: 30e6, openedConnections: 3 });
    expect(usage.gcShare).to.be.closeTo(0.1, 1e-12);
    expect(usage.blockedShare).to.be.closeTo(0.06, 1e-12);
  });

  it("gives no shares of the time for less than two seconds", () => {
    const usage = usageOf([0.5, 1, 1.5].map((sec) => reading(sec, { gcNs: 400e6, loopDelayMaxNs: 300e6 })));
    expect(usage.gcShare).to.equal(undefined);
    expect(usage.blockedShare).to.equal(undefined);
    expect(usage.loopDelayMaxNs).to.equal(300e6);
  });

  it("does not count two hiccups as standing still", () => {
    const blocked = (hiccups: number) =>
      [0.5, 1, 1.5, 2, 2.5].map((sec, index) => reading(sec, { loopDelayMaxNs: index < hiccups ? 50e6 : 0 }));
    expect(usageOf(blocked(2)).blockedShare).to.equal(0);
    expect(usageOf(blocked(3)).blockedShare).to.be.closeTo(0.06, 1e-12);
  });

  it("counts only what is measured", () => {
    const readings = [1, 1.5, 2, 2.5, 3].map((sec) => reading(sec, { loopUtilisation: sec <= 2 ? 1 : 0.3, gcCount: 1 }));
    const usage = usageOf(readings, [{ startNs: 2 * SEC, endNs: 2.6 * SEC }]);
    expect(usage.gcCount).to.equal(2);
    expect(usage.loopUtilisationMax).to.be.closeTo(0.3, 1e-12);
  });
});

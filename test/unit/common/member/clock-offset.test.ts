import { expect } from "chai";
import fc from "fast-check";
import { OffsetFilter } from "../../../../services/common/member/clock-offset.ts";

const SEC = 1e9;
const MS = 1e6;

/** Another host's clock: `offsetNs` at 0, then rates in ppm that change every 20 s. */
function remoteClock(offsetNs: number, driftsPpm: readonly number[]): (localNs: number) => number {
  const stretchNs = 20 * SEC;
  return (localNs) => {
    let drifted = 0;
    for (let at = 0, index = 0; at < localNs; at += stretchNs, index++) {
      drifted += (Math.min(stretchNs, localNs - at) * (driftsPpm[index % driftsPpm.length] ?? 0)) / 1e6;
    }
    return localNs + offsetNs + drifted;
  };
}

/** A ping that takes so long to get there, waits there, and comes back. */
function ping(remote: (ns: number) => number, sentNs: number, thereNs: number, waitNs: number, backNs: number) {
  const arrivedNs = sentNs + thereNs;
  return {
    sentNs,
    remoteReceivedNs: remote(arrivedNs),
    remoteSentNs: remote(arrivedNs + waitNs),
    receivedNs: arrivedNs + waitNs + backNs,
  };
}

const delays = fc.tuple(
  fc.double({ min: 0, max: 400 * MS, noNaN: true }),
  fc.double({ min: 0, max: 5 * MS, noNaN: true }),
  fc.double({ min: 0, max: 400 * MS, noNaN: true }),
);
const drift = fc.double({ min: -100, max: 100, noNaN: true });

describe("the offset of another host's clock", () => {
  it("is always within its uncertainty, whatever the delays each way and the drift, up to 100 ppm", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6 * SEC, max: 1e6 * SEC, noNaN: true }),
        fc.array(drift, { minLength: 1, maxLength: 6 }),
        fc.array(delays, { minLength: 1, maxLength: 120 }),
        fc.double({ min: 0, max: 100 * SEC, noNaN: true }),
        (offsetNs, drifts, pings, laterNs) => {
          const filter = new OffsetFilter();
          const remote = remoteClock(offsetNs, drifts);
          const check = (nowNs: number): void => {
            const estimate = filter.estimate(nowNs);
            if (estimate === undefined) throw new Error("no estimate");
            const errorNs = Math.abs(remote(nowNs) - nowNs - estimate.offsetNs);
            // Readings of 1e15 ns are whole eighths of a nanosecond.
            if (errorNs > estimate.uncertaintyNs + 1) throw new Error(`off by ${errorNs}, within ${estimate.uncertaintyNs}`);
          };
          for (const [index, [there, wait, back]] of pings.entries()) {
            const one = ping(remote, (index + 1) * SEC, there, wait, back);
            filter.add(one);
            check(one.receivedNs);
          }
          check((pings.length + 1) * SEC + laterNs);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is within its uncertainty when one way takes all of the time and the clocks drift meanwhile", () => {
    for (const [driftPpm, there, back] of [
      [100, 0, 400 * MS],
      [-100, 400 * MS, 0],
    ] as const) {
      const filter = new OffsetFilter();
      const remote = remoteClock(0, [driftPpm]);
      const one = ping(remote, 1 * SEC, there, 0, back);
      filter.add(one);
      const { offsetNs, uncertaintyNs } = filter.estimate(one.receivedNs) ?? { offsetNs: 0, uncertaintyNs: 0 };
      expect(Math.abs(remote(one.receivedNs) - one.receivedNs - offsetNs)).to.be.at.most(uncertaintyNs + 1);
    }
  });

  it("is within its uncertainty when the drift that was watched has turned", () => {
    const filter = new OffsetFilter();
    const remote = remoteClock(0, [100, 100, 100, -100]);
    for (let index = 1; index <= 60; index++) filter.add(ping(remote, index * SEC, 0.1 * MS, 0, 0.1 * MS));
    const { offsetNs, uncertaintyNs, driftPpm } = filter.estimate(80 * SEC) ?? { offsetNs: 0, uncertaintyNs: 0, driftPpm: 0 };
    expect(driftPpm).to.be.closeTo(100, 1);
    expect(Math.abs(remote(80 * SEC) - 80 * SEC - offsetNs)).to.be.at.most(uncertaintyNs);
  });

  it("is unknown before the first ping", () => {
    expect(new OffsetFilter().estimate(0)).to.equal(undefined);
  });

  it("takes the sample of the smallest round trip, not the last or the mean", () => {
    const filter = new OffsetFilter();
    const remote = remoteClock(5 * SEC, [0]);
    filter.add(ping(remote, 1 * SEC, 0.1 * MS, 0, 0.1 * MS));
    for (let index = 2; index < 10; index++) filter.add(ping(remote, index * SEC, 30 * MS, 0, 1 * MS));
    const estimate = filter.estimate(10 * SEC);
    expect(estimate?.offsetNs).to.be.closeTo(5 * SEC, 1);
    expect(estimate?.uncertaintyNs).to.be.closeTo(0.1 * MS + 9 * SEC * 1e-4, 1000);
  });

  it("grows less certain with age, until a fresh sample with a longer round trip is the better one", () => {
    const filter = new OffsetFilter();
    const remote = remoteClock(0, [0]);
    filter.add(ping(remote, 0, 0.1 * MS, 0, 0.1 * MS));
    const young = filter.estimate(1 * SEC)?.uncertaintyNs ?? 0;
    const old = filter.estimate(20 * SEC)?.uncertaintyNs ?? 0;
    expect(old - young).to.be.closeTo(19 * SEC * 1e-4, 1);
    filter.add(ping(remote, 20 * SEC, 0.3 * MS, 0, 0.3 * MS));
    expect(filter.estimate(20 * SEC)?.uncertaintyNs).to.be.lessThan(old);
  });

  it("follows a drift once it has been watched for long enough, and not before", () => {
    const filter = new OffsetFilter();
    const remote = remoteClock(0, [40]);
    for (let index = 1; index <= 15; index++) filter.add(ping(remote, index * SEC, 0.1 * MS, 0, 0.1 * MS));
    expect(filter.estimate(15 * SEC)?.driftPpm).to.equal(0);
    for (let index = 16; index <= 120; index++) filter.add(ping(remote, index * SEC, 0.1 * MS, 0, 0.1 * MS));
    expect(filter.estimate(120 * SEC)?.driftPpm).to.be.closeTo(40, 1);
  });

  it("takes a slope within the noise of its samples for none", () => {
    const filter = new OffsetFilter();
    const remote = remoteClock(0, [0]);
    for (let index = 1; index <= 60; index++) {
      filter.add(ping(remote, index * SEC, (index % 2 === 0 ? 20 : 1) * MS, 0, (index % 2 === 0 ? 1 : 20) * MS));
    }
    expect(filter.estimate(60 * SEC)?.driftPpm).to.equal(0);
  });

  it("stands a remote wait that its clocks make longer than the round trip", () => {
    const filter = new OffsetFilter();
    filter.add({ sentNs: 0, remoteReceivedNs: 100, remoteSentNs: 5_000, receivedNs: 1_000 });
    expect(filter.estimate(1_000)?.uncertaintyNs).to.be.at.least(0);
  });
});

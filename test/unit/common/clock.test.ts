import { expect } from "chai";
import { monotonicNs, SuspendWatch } from "../../../services/common/clock.ts";

describe("monotonic clock", () => {
  it("reads what process.hrtime reads, so that readings of two processes may be compared", () => {
    // Of several readings the tightest bracket counts; the machine may be busy during any one of them.
    const offNs = Array.from({ length: 100 }, () => {
      const beforeNs = Number(process.hrtime.bigint());
      const readNs = monotonicNs();
      const afterNs = Number(process.hrtime.bigint());
      return Math.max(beforeNs - readNs, readNs - afterNs, 0);
    });
    expect(Math.min(...offNs)).to.be.below(20_000);
  });
});

describe("a watch for suspends", () => {
  const SEC = 1e9;

  class Host {
    readonly ns = { monotonic: 100 * SEC, wall: 1.7e9 * SEC, uptime: 500 * SEC };
    uptimeReads = 0;
    readonly watch = new SuspendWatch({
      monotonicNs: () => this.ns.monotonic,
      wallNs: () => this.ns.wall,
      uptimeNs: () => {
        this.uptimeReads++;
        return this.ns.uptime;
      },
    });

    run(ns: number): void {
      this.ns.monotonic += ns;
      this.suspend(ns);
    }

    /** CLOCK_MONOTONIC stands still. */
    suspend(ns: number): void {
      this.ns.wall += ns;
      this.ns.uptime += ns;
    }
  }

  it("sees how long the host was suspended, all times together", () => {
    const host = new Host();
    host.run(5 * SEC);
    expect(host.watch.suspendedNs()).to.equal(0);
    host.suspend(60 * SEC);
    expect(host.watch.suspendedNs()).to.equal(60 * SEC);
    host.run(5 * SEC);
    expect(host.watch.suspendedNs()).to.equal(60 * SEC);
    host.suspend(2 * SEC);
    expect(host.watch.suspendedNs()).to.equal(62 * SEC);
  });

  for (const step of [3600 * SEC, -3600 * SEC]) {
    it(`does not take a wall clock that is set by ${step / SEC} s for a suspend, nor miss one after that`, () => {
      const host = new Host();
      host.ns.wall += step;
      expect(host.watch.suspendedNs()).to.equal(0);
      host.run(SEC);
      expect(host.watch.suspendedNs()).to.equal(0);
      host.suspend(SEC);
      expect(host.watch.suspendedNs()).to.equal(SEC);
    });
  }

  it("reads the uptime, which is slow to read, only where the wall clock has jumped", () => {
    const host = new Host();
    for (let times = 0; times < 1000; times++) {
      host.run(0.01 * SEC);
      host.watch.suspendedNs();
    }
    expect(host.uptimeReads).to.equal(1);
  });
});

import { expect } from "chai";
import { randomStream } from "../../../../services/common/random.ts";
import { phaseBins, type SteadyWindow, steadyWindow } from "../../../../services/records-manager/core/steady-state.ts";

type Request = readonly [sentSec: number, latencySec: number];

function windowOf(requests: readonly Request[]): SteadyWindow | undefined {
  const ends = requests.map(([sent, latency]) => sent + latency);
  const firstNs = Math.min(...requests.map(([sent]) => sent)) * 1e9;
  const bins = phaseBins(requests.length, firstNs, Math.max(...ends) * 1e9, (add) => {
    for (const [sent, latency] of requests) add(sent * 1e9, (sent + latency) * 1e9);
  });
  return bins && steadyWindow(bins);
}

/** `count` requests of a closed loop: each slot sends again at once; a slot's first request comes at its `start`. */
function closedLoop(count: number, starts: readonly number[], latency: (index: number) => number): Request[] {
  const free = starts.slice();
  return Array.from({ length: count }, (_, index) => {
    const slot = free.indexOf(Math.min(...free));
    const sent = free[slot] as number;
    const took = latency(index);
    free[slot] = sent + took;
    return [sent, took];
  });
}

const random = randomStream(3, "steady", 0);
const jitter = (mean: number) => mean * (0.8 + 0.4 * random.next());

describe("the steady window of a phase", () => {
  it("is all but the drain of a closed loop that starts at once", () => {
    const window = windowOf(closedLoop(2000, new Array(8).fill(0), () => jitter(0.1)));
    expect(window?.startNs).to.equal(0);
    expect(window?.inFlight).to.be.closeTo(8, 0.2);
    expect((window?.endNs ?? 0) / 1e9).to.be.within(24, 25.2);
  });

  it("leaves out the time in which concurrency rises", () => {
    // 32 slots, one more every 300 ms, for 10 of 40 s.
    const starts = Array.from({ length: 32 }, (_, slot) => slot * 0.3);
    const window = windowOf(closedLoop(2200, starts, () => jitter(0.5)));
    expect((window?.startNs ?? 0) / 1e9).to.be.within(7, 10);
    expect(window?.inFlight).to.be.closeTo(31.5, 1);
  });

  it("leaves out the filling and the draining of an open loop", () => {
    const requests = Array.from({ length: 1200 }, (_, index): Request => [index / 20, 10]);
    const window = windowOf(requests);
    expect((window?.startNs ?? 0) / 1e9).to.be.within(7, 11);
    expect((window?.endNs ?? 0) / 1e9).to.be.within(59, 63);
    expect(window?.inFlight).to.be.closeTo(200, 5);
  });

  it("is found where arrivals are drawn by chance", () => {
    let now = 0;
    const requests = Array.from({ length: 3000 }, (): Request => {
      now += -Math.log(1 - random.next()) / 50;
      return [now, jitter(0.4)];
    });
    const window = windowOf(requests);
    const sec = ((window?.endNs ?? 0) - (window?.startNs ?? 0)) / 1e9;
    expect(sec).to.be.greaterThan(0.7 * now);
  });

  it("is found in every one of many phases whose load holds", () => {
    for (let phase = 0; phase < 40; phase++) {
      let now = 0;
      const open = Array.from({ length: 500 }, (): Request => {
        now += -Math.log(1 - random.next()) / 10;
        return [now, jitter(1)];
      });
      expect(windowOf(open), `open loop ${phase}`).to.not.equal(undefined);
      const closed = closedLoop(500, new Array(16).fill(0), () => jitter(1));
      expect(windowOf(closed), `closed loop ${phase}`).to.not.equal(undefined);
    }
  });

  it("is not found where the load rises to the end", () => {
    // From 2/s to 100/s: every stretch of a quarter of the phase rises by a third or more.
    const requests = Array.from({ length: 3000 }, (_, index): Request => [60 * Math.cbrt(index / 3000), 1]);
    expect(windowOf(requests)).to.equal(undefined);
  });

  it("is not found where requests pile up", () => {
    const requests = Array.from({ length: 2000 }, (_, index): Request => [index / 40, 0.1 + index * 0.02]);
    expect(windowOf(requests)).to.equal(undefined);
  });

  it("is not looked for in few requests, or in a moment", () => {
    expect(windowOf(closedLoop(99, [0, 0], () => 0.1))).to.equal(undefined);
    expect(phaseBins(500, 5, 5, () => {})).to.equal(undefined);
  });

  it("is the same for the same requests in any order", () => {
    const requests = closedLoop(1000, new Array(8).fill(0), () => jitter(0.1));
    const { inFlight: _, ...window } = windowOf(requests) ?? {};
    // The level is a sum, whose last digit depends on the order.
    expect(windowOf(requests.toReversed())).to.deep.include(window);
  });

  it("counts in flight exactly", () => {
    const bins = phaseBins(100, 0, 100, (add) => {
      add(5, 25);
      for (let index = 0; index < 99; index++) add(0, 100);
    });
    expect(bins?.bins).to.equal(10);
    const each = Array.from({ length: 10 }, (_, bin) => (bins?.inFlight[bin + 1] ?? 0) - (bins?.inFlight[bin] ?? 0));
    for (const [bin, inFlight] of each.entries()) {
      expect(inFlight).to.be.closeTo(99 + ([0.5, 1, 0.5][bin] ?? 0), 1e-9);
    }
    expect(bins?.sends[10]).to.equal(100);
    expect(bins?.ends[10]).to.equal(100);
  });
});

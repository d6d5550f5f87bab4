import { expect } from "chai";
import fc from "fast-check";
import { Timeline, type TimelineRequest } from "../../../../services/records-manager/core/timeline.ts";

const SECOND = 1e9;

function request(sentSec: number, endSec: number, overrides: Partial<TimelineRequest> = {}): TimelineRequest {
  return {
    dueNs: undefined,
    allowedNs: undefined,
    sentNs: sentSec * SECOND,
    endNs: endSec * SECOND,
    firstContentNs: undefined,
    lastContentNs: undefined,
    isSuccess: true,
    outputTokens: undefined,
    timeToFirstTokenMs: undefined,
    ...overrides,
  };
}

describe("a timeline", () => {
  it("averages what is in flight over each bucket", () => {
    const timeline = new Timeline(0, SECOND, 4);
    timeline.add(request(0.5, 3.25));
    timeline.add(request(1, 2));
    expect(timeline.buckets().map((bucket) => bucket.inFlight)).to.deep.equal([0.5, 2, 1, 0.25]);
  });

  it("counts a request where it ends, failed ones apart", () => {
    const timeline = new Timeline(0, SECOND, 3);
    timeline.add(request(0, 0.5));
    timeline.add(request(0, 2.5, { isSuccess: false }));
    expect(timeline.buckets().map(({ completed, failed }) => [completed, failed])).to.deep.equal([
      [1, 0],
      [0, 0],
      [1, 1],
    ]);
  });

  it("spreads a request's tokens from its first to its last chunk", () => {
    const timeline = new Timeline(0, SECOND, 4);
    timeline.add(request(0, 4, { outputTokens: 10, firstContentNs: 1.5 * SECOND, lastContentNs: 4 * SECOND }));
    expect(timeline.buckets().map((bucket) => bucket.tokensPerSec)).to.deep.equal([0, 2, 4, 4]);
  });

  it("puts a first token where it arrived", () => {
    const timeline = new Timeline(0, SECOND, 2);
    for (const ms of [1200, 1400]) timeline.add(request(0, 2, { firstContentNs: ms * 1e6, timeToFirstTokenMs: ms }));
    const [first, second] = timeline.buckets();
    expect(first?.timeToFirstTokenP50Ms).to.equal(undefined);
    expect(second?.timeToFirstTokenP50Ms).to.equal(1300);
    expect(second?.timeToFirstTokenP99Ms).to.be.closeTo(1398, 1e-9);
  });

  it("tells how late requests were where they were sent, and how many were due", () => {
    const timeline = new Timeline(0, SECOND, 3);
    timeline.add(request(0.5, 1, { dueNs: 0.4 * SECOND, allowedNs: 0.4 * SECOND }));
    timeline.add(request(1.5, 2, { dueNs: 0.9 * SECOND, allowedNs: 1.4 * SECOND }));
    timeline.add(request(2.5, 3));
    const buckets = timeline.buckets();
    expect(buckets.map(({ due, sent }) => [due, sent])).to.deep.equal([
      [2, 1],
      [0, 1],
      [0, 1],
    ]);
    expect(buckets.map(({ lateness }) => lateness && Math.round(lateness.maxNs / 1e6))).to.deep.equal([100, 100, undefined]);
  });

  it("has what workers used in each bucket", () => {
    const timeline = new Timeline(0, SECOND, 2);
    const reading = {
      loopDelayMaxNs: 1e6,
      gcNs: 2e6,
      gcCount: 1,
      gcMaxNs: 2e6,
      fdShare: 0,
      openFds: 20,
      connections: 4,
      openedConnections: 4,
      replacedConnections: 0,
    };
    for (const [workerId, sec, loopUtilisation] of [
      ["a", 0.2, 0.5],
      ["b", 0.3, 0.7],
      ["a", 0.7, 0.2],
      ["a", 2.5, 1],
    ] as const) {
      timeline.addUsage({ ...reading, workerId, ns: sec * SECOND, loopUtilisation });
    }
    const [first, second] = timeline.buckets();
    expect(first?.usage).to.deep.equal({
      workers: 2,
      loopUtilisationMax: 0.7,
      loopDelayMaxNs: 1e6,
      gcNs: 6e6,
      gcCount: 3,
      gcMaxNs: 2e6,
      connections: 8,
      openFds: 40,
    });
    expect(second?.usage).to.equal(undefined);
  });

  it("loses neither requests, nor tokens, nor time, wherever they fall", () => {
    const span = fc.tuple(fc.double({ min: 0, max: 9.9, noNaN: true }), fc.double({ min: 0, max: 9.9, noNaN: true }));
    fc.assert(
      fc.property(fc.array(span, { maxLength: 30 }), fc.integer({ min: 1, max: 40 }), (spans, bucketCount) => {
        const timeline = new Timeline(0, (10 * SECOND) / bucketCount, bucketCount);
        let busySec = 0;
        for (const [a, b] of spans) {
          const [start, end] = a < b ? [a, b] : [b, a];
          busySec += end - start;
          timeline.add(request(start, end, { outputTokens: 7, firstContentNs: start * SECOND, lastContentNs: end * SECOND }));
        }
        const buckets = timeline.buckets();
        const bucketSec = 10 / bucketCount;
        const total = (value: (bucket: (typeof buckets)[number]) => number) =>
          buckets.reduce((sum, bucket) => sum + value(bucket), 0);
        expect(total((bucket) => bucket.completed)).to.equal(spans.length);
        expect(total((bucket) => bucket.tokensPerSec) * bucketSec).to.be.closeTo(7 * spans.length, 1e-6);
        expect(total((bucket) => bucket.inFlight) * bucketSec).to.be.closeTo(busySec, 1e-6);
      }),
    );
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { Timeline, type TimelineRequest } from "../../../../services/records-manager/core/timeline.ts";

const SECOND = 1e9;

function request(sentSec: number, endSec: number, overrides: Partial<TimelineRequest> = {}): TimelineRequest {
  return {
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

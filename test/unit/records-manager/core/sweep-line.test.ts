import { expect } from "chai";
import fc from "fast-check";
import { sweepMetrics } from "../../../../metrics/sweep-line.ts";
import { PERCENTILES } from "../../../../services/common/percentiles.ts";
import { SweepLine, type SweptRequest } from "../../../../services/records-manager/core/sweep-line.ts";

function swept(requests: readonly SweptRequest[]) {
  const line = new SweepLine();
  for (const request of [...requests].sort((one, other) => one.startNs - other.startNs)) line.add(request);
  return line.finish();
}

/** The slow and obvious way: looks at each stretch between two events, and at all requests in the middle of it. */
function bruteForce(requests: readonly SweptRequest[], tag: string) {
  const metric = sweepMetrics.find((candidate) => candidate.tag === tag);
  const moments = [...new Set(requests.flatMap(({ startNs, firstTokenNs = startNs, endNs }) => [startNs, firstTokenNs, endNs]))];
  moments.sort((one, other) => one - other);
  const rows: [value: number, seconds: number][] = [];
  for (let index = 1; index < moments.length; index++) {
    const from = moments[index - 1] as number;
    const to = moments[index] as number;
    const at = (from + to) / 2;
    const level = { requests: 0, prefilling: 0, decoding: 0, prefillRate: 0, decodeRate: 0, tokens: 0 };
    for (const { startNs, firstTokenNs, endNs, inputTokens = 0, outputTokens = 0 } of requests) {
      if (at < startNs || at > endNs) continue;
      level.requests++;
      level.tokens += inputTokens;
      if (firstTokenNs === undefined) continue;
      if (at < firstTokenNs) {
        level.prefilling++;
        level.prefillRate += (inputTokens * 1e9) / (firstTokenNs - startNs);
      } else {
        level.decoding++;
        level.tokens += outputTokens;
        level.decodeRate += (Math.max(0, outputTokens - 1) * 1e9) / (endNs - firstTokenNs);
      }
    }
    if (metric !== undefined && (metric.isActive?.(level) ?? true)) rows.push([metric.ofLevel(level), (to - from) / 1e9]);
  }
  rows.sort(([one], [other]) => one - other);
  const total = rows.reduce((sum, [, seconds]) => sum + seconds, 0);
  const percentile = (wanted: number) => {
    let passed = 0;
    const found = rows.find(([, seconds]) => {
      passed += seconds;
      return passed >= (total * wanted) / 100 - total * 1e-12;
    });
    return (found ?? rows.at(-1) ?? [0])[0];
  };
  const integral = rows.reduce((sum, [value, seconds]) => sum + value * seconds, 0);
  return { total, avg: integral / total, min: rows[0]?.[0], max: rows.at(-1)?.[0], percentile };
}

const request: fc.Arbitrary<SweptRequest> = fc
  .record({
    startNs: fc.nat(50),
    prefillNs: fc.option(fc.nat(20), { nil: undefined }),
    restNs: fc.nat(30),
    inputTokens: fc.nat(100),
    outputTokens: fc.nat(50),
  })
  .map(({ startNs, prefillNs, restNs, ...tokens }) => {
    const firstTokenNs = prefillNs === undefined ? undefined : (startNs + prefillNs) * 1e6;
    return { ...tokens, startNs: startNs * 1e6, firstTokenNs, endNs: (startNs + (prefillNs ?? 0) + restNs) * 1e6 };
  });

describe("what is in flight over time", () => {
  // Sent at 0 and 1 s; first tokens after 1 s; ends at 3 and 4 s; nothing from 4 to 5 s; one more of one second.
  const example: SweptRequest[] = [
    { startNs: 0, firstTokenNs: 1e9, endNs: 3e9, inputTokens: 100, outputTokens: 21 },
    { startNs: 1e9, firstTokenNs: 2e9, endNs: 4e9, inputTokens: 50, outputTokens: 41 },
    { startNs: 5e9, firstTokenNs: undefined, endNs: 6e9, inputTokens: undefined, outputTokens: undefined },
  ];

  it("is known by its mean over time, worked by hand", () => {
    const found = swept(example);
    const avg = (tag: string) => found.get(tag)?.avg;
    expect(avg("effective_concurrency")).to.be.closeTo((1 + 2 + 2 + 1 + 0 + 1) / 6, 1e-12);
    expect(avg("effective_prefill_concurrency")).to.be.closeTo(2 / 6, 1e-12);
    expect(avg("effective_decode_concurrency")).to.be.closeTo(4 / 6, 1e-12);
    expect(avg("effective_prefill_throughput")).to.be.closeTo(150 / 6, 1e-12);
    expect(avg("active_prefill_throughput")).to.be.closeTo(75, 1e-12);
    expect(avg("effective_decode_throughput")).to.be.closeTo((10 + 30 + 20) / 6, 1e-12);
    expect(avg("active_decode_throughput")).to.be.closeTo(20, 1e-12);
    expect(avg("active_decode_throughput_per_user")).to.be.closeTo((10 + 15 + 20) / 3, 1e-12);
    expect(avg("tokens_in_flight")).to.be.closeTo((100 + 171 + 212 + 91) / 6, 1e-12);
    expect(found.get("effective_concurrency")).to.include({ min: 0, p50: 1, max: 2, count: 6 });
  });

  it("is what looking at every moment finds, for any requests", () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 25 }), (requests) => {
        for (const [tag, statistics] of swept(requests)) {
          const expected = bruteForce(requests, tag);
          const near = (actual: number, wanted: number | undefined, what: string) =>
            expect(actual, `${tag} ${what}`).to.be.closeTo(wanted ?? Number.NaN, 1e-6 * Math.max(1, Math.abs(wanted ?? 0)));
          near(statistics.avg, expected.avg, "avg");
          near(statistics.sum, expected.avg * expected.total, "sum");
          near(statistics.min, expected.min, "min");
          near(statistics.max, expected.max, "max");
          for (const percentile of PERCENTILES)
            near(statistics[`p${percentile}`], expected.percentile(percentile), `p${percentile}`);
        }
      }),
    );
  });

  it("is nothing without requests, and no more than their number without streams and tokens", () => {
    expect([...swept([])]).to.deep.equal([]);
    const bare = { startNs: 0, firstTokenNs: undefined, endNs: 1e9, inputTokens: undefined, outputTokens: undefined };
    expect([...swept([bare]).keys()]).to.deep.equal(["effective_concurrency"]);
  });
});

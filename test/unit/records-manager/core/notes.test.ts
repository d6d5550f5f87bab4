import { expect } from "chai";
import {
  answerNotes,
  coalescedNote,
  driftNote,
  fewSamplesNote,
  missedRateNote,
  outputLengthNote,
  steadyStateNote,
  thinPercentiles,
} from "../../../../services/records-manager/core/notes.ts";
import { type Statistics, statisticsOf } from "../../../../services/records-manager/core/statistics.ts";

function statisticsOfCount(count: number): Statistics {
  const statistics = statisticsOf(new Float64Array(count).fill(1));
  if (statistics === undefined) throw new Error("no statistics");
  return statistics;
}

describe("notes on the workload", () => {
  for (const [what, asked, count, sentPerSec, isNoted] of [
    ["no rate was asked for", undefined, 1000, 5, false],
    ["too few were sent to have one", 100, 1, undefined, false],
    ["it is nine tenths", 100, 10_000, 90, false],
    ["it is less", 100, 10_000, 89, true],
    ["it is as chance has it with so few", 100, 25, 60, false],
    ["it is less than chance has it", 100, 100, 65, true],
    ["it is more", 100, 10_000, 150, false],
  ] as const) {
    it(`${isNoted ? "tell" : "do not tell"} of a missed rate where ${what}`, () => {
      const note = missedRateNote(asked, { count, sentPerSec });
      expect(note?.message).to.equal(
        isNoted
          ? `${sentPerSec} requests per second were sent, 100 were asked for: latencies are those of the lower rate`
          : undefined,
      );
    });
  }

  it("name the percentiles that fewer than ten samples lie beyond", () => {
    expect(fewSamplesNote("request_latency", statisticsOfCount(1000))).to.equal(undefined);
    expect(fewSamplesNote("request_latency", statisticsOfCount(999))?.message).to.equal(
      "999 samples: fewer than 10 lie beyond p99 (1000 needed)",
    );
    expect(fewSamplesNote("request_latency", statisticsOfCount(19))?.message).to.equal(
      "19 samples: fewer than 10 lie beyond p50 (20 needed), p75 (40 needed), p90 (100 needed), p95 (200 needed), p99 (1000 needed)",
    );
    expect(thinPercentiles(1000)).to.deep.equal([]);
    expect(thinPercentiles(100)).to.deep.equal(["p1", "p5", "p95", "p99"]);
  });

  it("say when latencies drift, and leave the values in their order", () => {
    const steady = Float64Array.from({ length: 300 }, (_, index) => 100 + (index % 7));
    const rising = Float64Array.from({ length: 300 }, (_, index) => 100 + index);
    const before = rising.slice();
    expect(driftNote("request_latency", steady)).to.equal(undefined);
    expect(driftNote("request_latency", rising)?.message).to.equal(
      "it drifts: median 149.5 in the first third, 349.5 in the last",
    );
    expect([...rising]).to.deep.equal([...before]);
    expect(driftNote("request_latency", rising.slice(0, 149))).to.equal(undefined);
  });

  it("say that there is no steady state only where one was looked for", () => {
    expect(steadyStateNote(undefined)).to.equal(undefined);
    expect(steadyStateNote(true)).to.equal(undefined);
    expect(steadyStateNote(false)?.code).to.equal("no_steady_state");
  });

  it("say when chunks came together", () => {
    expect(coalescedNote(100, 10)).to.equal(undefined);
    expect(coalescedNote(100, 11)?.code).to.equal("coalesced_chunks");
    expect(coalescedNote(0, 0)).to.equal(undefined);
  });

  it("say when outputs are not as long as was asked for", () => {
    expect(outputLengthNote("osl_mismatch_diff_pct", undefined)).to.equal(undefined);
    expect(outputLengthNote("osl_mismatch_diff_pct", { ...statisticsOfCount(10), p50: -5 })).to.equal(undefined);
    expect(outputLengthNote("osl_mismatch_diff_pct", { ...statisticsOfCount(10), p50: -40 })?.message).to.equal(
      "the median answer is 40.0 % shorter than was asked for",
    );
  });

  it("count answers with a peculiarity, and only those there are", () => {
    const none = { lengthLimited: 0, usageDiscrepancy: 0, countedHere: 0, uncounted: 0, streamIgnored: 0 };
    const counts = { completed: 10, truncated: 1, usageMismatch: 2 };
    expect(answerNotes({ ...none, ...counts }).map((note) => note.message)).to.deep.equal([
      "1 of 10 answers broke off before their end",
      "2 of 10 answers came with token counts that contradict what was sent",
    ]);
    const silent = { ...none, completed: 10, truncated: 0, usageMismatch: 0, countedHere: 4, uncounted: 6 };
    expect(answerNotes(silent).map(({ code, message }) => `${code}: ${message}`)).to.deep.equal([
      "usage_missing: 4 of 10 answers came without token counts: they are by Assay's tokenizer",
      "usage_missing: 6 of 10 answers came without token counts, and nothing counts them: there are no figures of tokens",
    ]);
  });
});

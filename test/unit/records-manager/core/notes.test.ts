import { expect } from "chai";
import {
  answerNotes,
  coalescedNote,
  fewSamplesNote,
  outputLengthNote,
  steadyStateNote,
} from "../../../../services/records-manager/core/notes.ts";
import { type Statistics, statisticsOf } from "../../../../services/records-manager/core/statistics.ts";

function statisticsOfCount(count: number): Statistics {
  const statistics = statisticsOf(new Float64Array(count).fill(1));
  if (statistics === undefined) throw new Error("no statistics");
  return statistics;
}

describe("notes on the workload", () => {
  it("name the percentiles that too few samples stand behind", () => {
    expect(fewSamplesNote("request_latency", statisticsOfCount(100))).to.equal(undefined);
    expect(fewSamplesNote("request_latency", statisticsOfCount(99))?.message).to.equal(
      "99 samples are too few for p1 and p99 (need 100)",
    );
    expect(fewSamplesNote("request_latency", statisticsOfCount(9))?.message).to.equal(
      "9 samples are too few for p1 and p99 (need 100), p5 and p95 (need 20), p10 and p90 (need 10)",
    );
  });

  it("say when latencies drift, and leave the values in their order", () => {
    const steady = Float64Array.from({ length: 300 }, (_, index) => 100 + (index % 7));
    const rising = Float64Array.from({ length: 300 }, (_, index) => 100 + index);
    const before = rising.slice();
    expect(steadyStateNote("request_latency", steady)).to.equal(undefined);
    expect(steadyStateNote("request_latency", rising)?.message).to.equal(
      "no steady state: median 149.5 in the first third, 349.5 in the last",
    );
    expect([...rising]).to.deep.equal([...before]);
    expect(steadyStateNote("request_latency", rising.slice(0, 149))).to.equal(undefined);
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
    const counts = { completed: 10, truncated: 1, lengthLimited: 0, usageMismatch: 2, streamIgnored: 0 };
    expect(answerNotes(counts).map((note) => note.message)).to.deep.equal([
      "1 of 10 answers broke off before their end",
      "2 of 10 answers came with token counts that contradict what was sent",
    ]);
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { isKept, readObjectives } from "../../../services/common/objective.ts";
import { shownProblem } from "../../../services/common/text-cursor.ts";

function read(text: string) {
  const result = readObjectives(text);
  if ("problem" in result) throw new Error(result.problem.message);
  return result.objectives;
}

function problemOf(text: string) {
  const result = readObjectives(text);
  if ("objectives" in result) throw new Error(`${text} was read`);
  return result.problem;
}

describe("objectives of a run", () => {
  const rows: readonly [text: string, tag: string, statistic: string | undefined, comparison: string, bound: number][] = [
    ["ttft:p99 < 500ms", "time_to_first_token", "p99", "<", 500],
    ["time_to_first_token:p99.9<=0.5s", "time_to_first_token", "p99.9", "<=", 500],
    ["  itl : avg  <  2e4 us ", "inter_token_latency", "avg", "<", 20],
    ["latency:max <= 1 min", "request_latency", "max", "<=", 60_000],
    ["latency:std < 7", "request_latency", "std", "<", 7],
    ["error_rate < 1%", "request_error_rate", undefined, "<", 1],
    ["good_request_fraction >= 95%", "good_request_fraction", undefined, ">=", 0.95],
    ["request_throughput > 10 req/s", "request_throughput", undefined, ">", 10],
    ["tps > 1e3tok/s", "output_token_throughput", undefined, ">", 1000],
    ["osl:p50 >= 90 tokens", "output_sequence_length", "p50", ">=", 90],
    ["icl:p1 < .5ms", "inter_chunk_latency", "p1", "<", 0.5],
    ["benchmark_duration < 2min", "benchmark_duration", undefined, "<", 120],
    ["osl_mismatch_diff_pct:min > -5%", "osl_mismatch_diff_pct", "min", ">", -5],
    ["adj_request_latency:p99 < 2s", "adj_request_latency", "p99", "<", 2000],
    ["network_adjusted_time_to_first_token:avg < 80", "network_adjusted_time_to_first_token", "avg", "<", 80],
    ["effective_concurrency:p50 >= 8", "effective_concurrency", "p50", ">=", 8],
  ];
  for (const [text, tag, statistic, comparison, bound] of rows) {
    it(`are read in the metric's unit: ${text}`, () => {
      expect(read(text)).to.deep.equal([{ text: text.trim(), tag, statistic, comparison, bound }]);
    });
  }

  it("are several where there is a ; between them, and nothing where nothing is", () => {
    expect(read("ttft:p99 < 500ms; error_rate < 1%;").map(({ tag }) => tag)).to.deep.equal([
      "time_to_first_token",
      "request_error_rate",
    ]);
  });

  const wrong: readonly [text: string, message: string, caret: string][] = [
    ["", "expected metric:statistic < number", "^"],
    ["ttft:p99 < 1; ; ttftt:p99 < 1", "unknown metric ttftt, did you mean ttft?", "                ^"],
    ["ttft < 500", "expected a statistic of ttft, as :p99 or :avg", "     ^"],
    ["error_rate:p99 < 1", "error_rate is one value of the whole run and has no statistics", "          ^"],
    ["ttft:p100 < 1", "expected avg, min, max, std or a percentile from p0.1 to p99.9, as p99", "     ^"],
    ["adj_request_latency < 2s", "expected a statistic of adj_request_latency, as :p99 or :avg", "                    ^"],
    [
      "effective_concurrency:p99.9 < 9",
      "expected avg, min, max, std or one of p1, p5, p10, p25, p50, p75, p90, p95, p99",
      "                      ^",
    ],
    ["ttft: < 1", "expected avg, min, max, std or a percentile from p0.1 to p99.9, as p99", "      ^"],
    ["ttft:p99 = 1", "expected <, <=, > or >=", "         ^"],
    ["ttft:p99 <", "expected a number", "          ^"],
    ["ttft:p99 < x", "expected a number", "           ^"],
    ["ttft:p99 < 5mb", "unknown unit mb: ttft is in ns, us, µs, ms, s, sec, min", "            ^"],
    ["ttft:p99 < 5ms and", "expected ; or the end", "               ^"],
    ["< 5", "expected a metric", "^"],
  ];
  for (const [text, message, caret] of wrong) {
    it(`are refused with a caret under what does not fit: ${text}`, () => {
      const problem = problemOf(text);
      expect(problem.message).to.equal(message);
      expect(shownProblem(text, problem).split("\n").at(-1)).to.equal(`    ${caret}`);
    });
  }

  it("never throw, and point into the text, whatever it is", () => {
    const words = fc.constantFrom(
      "ttft",
      ":",
      "p99",
      "<",
      "<=",
      "5",
      "ms",
      ";",
      " ",
      "error_rate",
      "%",
      "é",
      "__proto__",
      "constructor",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((parts) => parts.join("")),
        ),
        (text) => {
          const result = readObjectives(text);
          if ("problem" in result) expect(result.problem.at).to.be.within(0, text.length);
          else expect(result.objectives.every(({ bound }) => Number.isFinite(bound))).to.equal(true);
        },
      ),
    );
  });

  it("are kept by what is on the right side of the bound, and by no missing figure", () => {
    const kept = (text: string) => [4, 5, 6, undefined].map((value) => isKept(read(text)[0] as never, value));
    expect(kept("error_rate < 5")).to.deep.equal([true, false, false, false]);
    expect(kept("error_rate <= 5")).to.deep.equal([true, true, false, false]);
    expect(kept("error_rate > 5")).to.deep.equal([false, false, true, false]);
    expect(kept("error_rate >= 5")).to.deep.equal([false, true, true, false]);
  });
});

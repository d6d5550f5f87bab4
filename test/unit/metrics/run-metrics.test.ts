import { expect } from "chai";
import { runMetrics } from "../../../metrics/catalog.ts";
import type { RunFacts } from "../../../metrics/metric.ts";

const sums: Readonly<Record<string, number>> = {
  input_sequence_length: 1000,
  output_sequence_length: 400,
  output_token_count: 300,
  reasoning_token_count: 100,
  error_isl: 70,
};

function value(tag: string, changes: Partial<RunFacts> = {}): number | undefined {
  const metric = runMetrics.find((candidate) => candidate.tag === tag);
  if (metric === undefined) throw new Error(`no metric ${tag}`);
  const base = {
    requestCount: 8,
    errorRequestCount: 2,
    goodRequestCount: 6,
    firstSentNs: 1e9,
    lastContentNs: 5e9,
    wallOffsetNs: 7e9,
  };
  return metric.value({ ...base, sum: (of) => sums[of], ...changes });
}

describe("metrics of a run", () => {
  const expected: readonly (readonly [string, number])[] = [
    ["benchmark_duration", 4],
    ["request_throughput", 2],
    ["output_token_throughput", 100],
    ["input_token_throughput", 250],
    ["total_token_throughput", 350],
    ["request_count", 8],
    ["error_request_count", 2],
    ["completed_request_count", 10],
    ["request_error_rate", 20],
    ["total_isl", 1000],
    ["total_osl", 400],
    ["total_output_tokens", 300],
    ["total_reasoning_tokens", 100],
    ["min_request_timestamp", 8e9],
    ["max_response_timestamp", 12e9],
    ["total_error_isl", 70],
    ["good_request_count", 6],
    ["good_request_fraction", 0.6],
    ["goodput", 1.5],
  ];
  for (const [tag, result] of expected) {
    it(`${tag} is ${result} for the run of the example`, () => {
      expect(value(tag)).to.equal(result);
    });
  }

  it("has an expected value for every metric", () => {
    expect(expected.map(([tag]) => tag)).to.deep.equal(runMetrics.map(({ tag }) => tag));
  });

  it("has counts and an error rate of 100 % where every request failed, and nothing that needs a success", () => {
    const failed = {
      requestCount: 0,
      goodRequestCount: undefined,
      firstSentNs: undefined,
      lastContentNs: undefined,
      sum: () => undefined,
    };
    const known = runMetrics.filter(({ tag }) => value(tag, failed) !== undefined).map(({ tag }) => tag);
    expect(known).to.deep.equal(["request_count", "error_request_count", "completed_request_count", "request_error_rate"]);
    expect(value("request_error_rate", failed)).to.equal(100);
  });

  it("has no error rate of no requests and no rate over no time", () => {
    expect(value("request_error_rate", { requestCount: 0, errorRequestCount: 0 })).to.equal(undefined);
    expect(value("request_throughput", { lastContentNs: 1e9 })).to.equal(undefined);
  });
});

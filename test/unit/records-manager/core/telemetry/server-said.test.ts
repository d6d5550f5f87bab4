import { expect } from "chai";
import { metricFigures } from "../../../../../services/records-manager/core/telemetry/metric-figures.ts";
import {
  type SaidSeries,
  type SeenFigures,
  saidFigures,
  saidNote,
} from "../../../../../services/records-manager/core/telemetry/server-said.ts";
import { pointsOf, seconds } from "./points.ts";

const page = "http://server:8000/metrics";

/** A series of one value from the phase's begin to its end, a scrape a second. */
function said(type: string, family: string, values: readonly number[], labels = {}, source = page): SaidSeries {
  return seriesOf(type, family, [{ is: "value", values }], labels, source);
}

/** A histogram by its sum and its count. */
function timed(family: string, sum: readonly number[], count: readonly number[], source = page): SaidSeries {
  const parts = [
    { is: "sum", values: sum },
    { is: "count", values: count },
  ] as const;
  return seriesOf("histogram", family, parts, {}, source);
}

interface Part {
  readonly is: "value" | "sum" | "count";
  readonly values: readonly number[];
}

function seriesOf(
  type: string,
  family: string,
  parts: readonly Part[],
  labels: Readonly<Record<string, string>>,
  source: string,
): SaidSeries {
  const points = parts.map(({ values }) => pointsOf(...values.map((value, at): [number, number] => [at, value])));
  const lastSec = (parts[0]?.values.length ?? 1) - 1;
  const series = { parts: parts.map(({ is }, id) => ({ series: id, is, bound: "" })) };
  const figures = metricFigures(type, series, (id) => points[id], [seconds(0, lastSec)]);
  if (figures === undefined) throw new Error(`no figures of ${family}`);
  return { name: family, family, labels, source, figures };
}

const figuresOf = (all: readonly SaidSeries[], seen: SeenFigures = {}) =>
  Object.fromEntries(saidFigures(all, seen).map(({ name, server, max, client }) => [name, { server, max, client }]));

describe("saidFigures", () => {
  it("puts what a server counted beside what the client saw, in the client's units", () => {
    const all = [
      said("counter", "vllm:request_success_total", [5, 9, 15], { finished_reason: "stop" }),
      said("counter", "vllm:request_success_total", [0, 1, 1], { finished_reason: "length" }),
      said("counter", "vllm:request_success_total", [0, 0, 2], { finished_reason: "abort" }),
      said("counter", "vllm:generation_tokens_total", [0, 30, 90]),
      timed("vllm:time_to_first_token_seconds", [1, 1.25, 4], [2, 4, 14]),
      said("gauge", "vllm:num_requests_running", [2, 4, 3]),
      said("gauge", "vllm:kv_cache_usage_perc", [0.25, 0.5, 0.75]),
    ];
    expect(figuresOf(all, { requests_succeeded: 11, generation_tokens: 91, ttft: 260 })).to.deep.equal({
      requests_succeeded: { server: 11, max: undefined, client: 11 },
      requests_failed: { server: 2, max: undefined, client: undefined },
      generation_tokens: { server: 90, max: undefined, client: 91 },
      ttft: { server: 250, max: undefined, client: 260 },
      running: { server: 3, max: 4, client: undefined },
      kv_cache_usage: { server: 0.5, max: 0.75, client: undefined },
    });
  });

  it("adds up the requests of several pages, and weighs their times by their observations", () => {
    const other = "http://other:8000/metrics";
    const figures = figuresOf([
      said("counter", "vllm:prompt_tokens_total", [0, 10]),
      said("counter", "vllm:prompt_tokens_total", [0, 20], {}, other),
      timed("vllm:e2e_request_latency_seconds", [0, 1], [0, 1]),
      timed("vllm:e2e_request_latency_seconds", [0, 9], [0, 3], other),
      said("gauge", "vllm:num_requests_waiting", [1, 1]),
      said("gauge", "vllm:num_requests_waiting", [3, 3], {}, other),
      said("gauge", "vllm:kv_cache_usage_perc", [0.25, 0.25]),
      said("gauge", "vllm:kv_cache_usage_perc", [0.75, 0.75], {}, other),
    ]);
    expect(figures.prompt_tokens?.server).to.equal(30);
    expect(figures.e2e?.server).to.equal(2500);
    expect(figures.waiting).to.include({ server: 4, max: 4 });
    expect(figures.kv_cache_usage).to.include({ server: 0.5, max: 0.5 });
  });

  it("divides the time of all requests together by their number", () => {
    const figures = figuresOf([
      said("counter", "nv_inference_request_success", [10, 14]),
      said("counter", "nv_inference_request_duration_us", [0, 80_000]),
    ]);
    expect(figures.e2e?.server).to.equal(20);
  });

  it("says nothing of times that nobody had", () => {
    expect(figuresOf([timed("vllm:time_to_first_token_seconds", [1, 1], [2, 2])])).to.deep.equal({});
  });

  it("compares nothing where a server was set back", () => {
    const figures = figuresOf([said("counter", "vllm:prompt_tokens_total", [50, 90, 10, 20])], { prompt_tokens: 60 });
    expect(figures.prompt_tokens).to.deep.equal({ server: 50, max: undefined, client: undefined });
  });

  it("passes over what has no common name", () => {
    expect(saidFigures([said("gauge", "vllm:unheard_of", [1, 1]), said("gauge", "up", [1, 1])], {})).to.deep.equal([]);
  });
});

describe("saidNote", () => {
  const noteOf = (server: number, client: number) =>
    saidNote(saidFigures([said("counter", "vllm:request_success_total", [0, server])], { requests_succeeded: client }))?.message;

  it("says that others use the server where it counts more", () => {
    expect(noteOf(150, 100)).to.equal(
      "the server's page counts 150 requests that succeeded, and 100 did here: others use it, too",
    );
  });

  it("says that others answer where it counts fewer", () => {
    expect(noteOf(50, 100)).to.match(/counts 50 .* and 100 did here: others answer, too/);
  });

  for (const [server, client, isTold] of [
    [110, 100, false],
    [90, 100, false],
    [111, 100, true],
    [1050, 1000, false],
    [1051, 1000, true],
  ] as const) {
    it(`${isTold ? "tells" : "lets pass"} ${server} where ${client} came here`, () => {
      expect(noteOf(server, client) !== undefined).to.equal(isTold);
    });
  }

  it("says nothing where requests are not counted", () => {
    expect(saidNote([])).to.equal(undefined);
  });
});

import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { queryTimeline } from "../../../services/records-manager/query-timeline.ts";
import { record, START_NS } from "../../unit/records-manager/records.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder } from "./run-fixture.ts";
import { addScrapes, gpuSeries } from "./scraped.ts";

const gpus = ["GPU-1", "GPU-2"];
const power = gpus.map((subject) => gpuSeries("nvidia_power_usage", "W", { subject, labels: { gpu: subject.slice(-1) } }));
const tokens = {
  subject: "",
  name: "vllm:generation_tokens_total",
  family: "vllm:generation_tokens_total",
  type: "counter",
  unit: "tokens",
  help: "",
  labels: { model_name: "m" },
};
const server = { kind: "server", name: "http://a/metrics" };

describe("samples in the timeline of a run", () => {
  let run: RunFolder;
  let originNs = 0;

  /** Two requests that end half a second apart, and the scrapes: times in ms from the first send. */
  before(() => {
    run = temporaryFolder();
    const store = createStore(run.folder);
    insertAll(store, [record(0, { sentNs: START_NS }), record(1, { sentNs: START_NS + 500e6 })]);
    originNs = START_NS;
    const at = (ms: number) => originNs + ms * 1e6;
    addScrapes(store, { kind: "dcgm", name: "http://gpu/metrics" }, power, [
      [at(-100), [50, 60]],
      [at(50), [100, 200]],
      [at(80), [300, 200]],
      [at(450), [500, Number.NaN]],
    ]);

    addScrapes(
      store,
      server,
      [tokens],
      [
        [at(-100), [1000]],
        [at(100), [1040]],
        [at(200), [1060]],
        [at(300), "connect ECONNREFUSED"],
        [at(400), [5]],
        [at(500), [15]],
      ],
    );
    store.close();
  });

  after(() => run.remove());

  const told = (...series: string[]) =>
    queryTimeline({ folder: run.folder, bucketMs: 100, series }).series.map(({ series: { name, subject }, kind, columns }) => ({
      name: `${name}${subject}`,
      kind,
      ...columns,
    }));

  it("are gauges with mean, least and greatest in the buckets of the requests, absent where nothing was scraped", () => {
    expect(told('nvidia_power_usage{gpu="1"}')).to.deep.equal([
      { name: "nvidia_power_usageGPU-1", kind: "gauge", buckets: [0, 4], mean: [200, 500], min: [100, 500], max: [300, 500] },
    ]);
    expect(told('{subject="GPU-2"}')[0])
      .to.include({ name: "nvidia_power_usageGPU-2" })
      .and.deep.include({ buckets: [0] });
  });

  it("are rates of counters, from the scrape before the first request on, absent over a failed scrape and a reset", () => {
    const [only] = told("vllm:generation_tokens*");
    expect(only).to.deep.include({ kind: "counter", buckets: [0, 1, 4], min: [], max: [] });
    expect(only?.mean.map((rate) => Math.round(rate * 1e6) / 1e6)).to.deep.equal([200, 200, 100]);
  });

  it("have no rate over a scrape that a counter was absent from", () => {
    const other = temporaryFolder();
    try {
      const store = createStore(other.folder);
      insertAll(store, [record(0, { sentNs: START_NS }), record(1, { sentNs: START_NS + 500e6 })]);
      const at = (ms: number) => START_NS + ms * 1e6;
      const counters = ["n_total", "m_total"].map((name) => ({ ...tokens, name, family: name }));
      addScrapes(store, server, counters, [
        [at(0), [100, 1]],
        [at(100), [140, 2]],
        [at(200), [Number.NaN, 3]],
        [at(300), [190, 4]],
        [at(400), [200, 5]],
      ]);
      store.close();
      const { series } = queryTimeline({ folder: other.folder, bucketMs: 100, series: ["n_total", "m_total"] });
      expect(series.map(({ columns: { buckets, mean } }) => [buckets, mean.map(Math.round)])).to.deep.equal([
        [
          [0, 3],
          [400, 100],
        ],
        [
          [0, 1, 2, 3],
          [10, 10, 10, 10],
        ],
      ]);
    } finally {
      other.remove();
    }
  });

  it("are in the order asked for, each once, and none where none is asked for", () => {
    expect(told('{kind="server"}', "*").map(({ name }) => name)).to.deep.equal([
      "vllm:generation_tokens_total",
      "nvidia_power_usageGPU-1",
      "nvidia_power_usageGPU-2",
    ]);
    expect(told()).to.deep.equal([]);
  });

  it("are refused where nothing is selected, with what there is, and where there would be too many", () => {
    const known = "the run has nvidia_power_usage, vllm:generation_tokens_total";
    expect(() => told("nvidia_powr_usage")).to.throw(AssayError, `series: nvidia_powr_usage selects nothing: ${known}`);
    expect(() => told('a{b="')).to.throw(AssayError, "must be NAME");
    const wide = temporaryFolder();
    try {
      const store = createStore(wide.folder);
      insertAll(store, [record(0)]);
      const many = Array.from({ length: 1001 }, (_, at) => ({ ...tokens, labels: { at: String(at) } }));
      addScrapes(store, server, many, []);
      store.close();
      expect(() => queryTimeline({ folder: wide.folder, bucketMs: 100, series: ["*"] })).to.throw(
        AssayError,
        "1001 are selected",
      );
    } finally {
      wide.remove();
    }
  });
});

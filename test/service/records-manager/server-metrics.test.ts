import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { parquetReadObjects } from "hyparquet";
import type { SeriesFacts } from "../../../services/records-manager/core/telemetry-rows.ts";
import { exportRun } from "../../../services/records-manager/exports/export-run.ts";
import { record, START_NS } from "../../unit/records-manager/records.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder } from "./run-fixture.ts";
import { addScrapes, gpuSeries } from "./scraped.ts";

const url = "http://127.0.0.1:8000/metrics";

function series(name: string, type: SeriesFacts["type"], labels: Record<string, string> = {}): SeriesFacts {
  const family = type === "histogram" ? name.replace(/_(bucket|sum|count)$/, "") : name;
  return { subject: "", name, family, type, unit: "", help: "", labels };
}

describe("the files of servers' metrics", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  /** A phase of 10 s, and what is added to it. */
  const written = (add: (store: ReturnType<typeof createStore>) => void, spec: object = {}) => {
    const store = createStore(run.folder, { spec: JSON.stringify(spec) });
    insertAll(store, [record(0)]);
    store.startPhase(0, START_NS);
    store.endPhase(0, START_NS + 10e9);
    add(store);
    store.commit();
    store.close();
    exportRun({ folder: run.folder, names: ["server-json", "server-parquet", "server-csv", "aiperf-json", "aiperf-csv"] });
  };
  const text = (file: string) => readFileSync(join(run.folder, file), "utf8");
  const document = () => JSON.parse(text("server_metrics_export.json"));
  const at = (sec: number) => START_NS + sec * 1e9;

  it("are read as scripts read AIPerf's: totals by a label, sums over series, gauges by their average", () => {
    const facts = [
      series("vllm:prompt_tokens_by_source_total", "counter", { source: "local_compute" }),
      series("vllm:prompt_tokens_by_source_total", "counter", { source: "local_cache_hit" }),
      series("sglang:prompt_tokens_total", "counter", { engine: "0" }),
      series("sglang:prompt_tokens_total", "counter", { engine: "1" }),
      series("vllm:kv_cache_usage_perc", "gauge", { engine: "0" }),
    ];
    written((store) => {
      addScrapes(store, { kind: "server", name: url }, facts, [
        [at(0), [100, 0, 10, 10, 0.25]],
        [at(5), [150, 20, 20, 15, 0.5]],
        [at(10), [300, 40, 40, 40, 0.75]],
      ]);
    });
    type Read = { series?: { labels?: Record<string, string>; stats?: Record<string, number> }[] };
    const metrics: Record<string, Read> = document().metrics;
    const bySource: Record<string, number> = {};
    for (const { labels, stats } of metrics["vllm:prompt_tokens_by_source"]?.series ?? []) {
      bySource[labels?.source ?? ""] = stats?.total ?? 0;
    }
    expect(bySource).to.deep.equal({ local_compute: 200, local_cache_hit: 40 });
    const all = (metrics["sglang:prompt_tokens"]?.series ?? []).reduce((sum, { stats }) => sum + (stats?.total ?? 0), 0);
    expect(all).to.equal(60);
    expect(metrics["vllm:kv_cache_usage_perc"]?.series?.[0]?.stats?.avg).to.equal(0.5);
    expect(Object.keys(metrics)).to.deep.equal([...Object.keys(metrics)].sort());
  });

  it("are those of the formats that the run asks for, JSON and CSV where it asks for none, and none without a server's page", () => {
    const filesOf = (telemetry: object, isScraped = true) => {
      const folder = temporaryFolder();
      const store = createStore(folder.folder, { spec: JSON.stringify({ telemetry }) });
      if (isScraped) addScrapes(store, { kind: "server", name: url }, [series("g", "gauge")], [[at(1), [1]]]);
      store.commit();
      store.close();
      const names = exportRun({ folder: folder.folder }).map(({ name }) => name);
      folder.remove();
      return names.filter((name) => name.startsWith("server-"));
    };
    expect(filesOf({})).to.deep.equal(["server-json", "server-csv"]);
    expect(filesOf({ serverMetricsFormats: ["parquet", "jsonl"] })).to.deep.equal(["server-jsonl", "server-parquet"]);
    expect(filesOf({}, false)).to.deep.equal([]);
  });

  it("have slices that add up to the whole", () => {
    const facts = [series("n_total", "counter"), series("g", "gauge")];
    written(
      (store) => {
        addScrapes(store, { kind: "server", name: url }, facts, [
          [at(-0.1), [0, 1]],
          ...Array.from({ length: 10 }, (_, sec) => [at(sec + 0.5), [10 * (sec + 1), sec]] as const),
          [at(10.1), [120, 1]],
        ]);
      },
      { output: { sliceSec: 4 } },
    );
    const { metrics } = document();
    const [counter, gauge] = ["n", "g"].map((name) => metrics[name].series[0]);
    const total = counter.timeslices.reduce((sum: number, slice: { total: number }) => sum + slice.total, 0);
    expect([counter.stats.total, total]).to.deep.equal([120, 120]);
    expect(counter.timeslices.map((slice: { is_complete?: boolean }) => slice.is_complete)).to.deep.equal([
      undefined,
      undefined,
      false,
    ]);
    expect(gauge.timeslices[1]).to.include({ avg: 5.5, min: 4, max: 7 });
  });

  it("say what they do not know after a reset", () => {
    const facts = [
      series("h_bucket", "histogram", { le: "1" }),
      series("h_bucket", "histogram", { le: "+Inf" }),
      series("h_count", "histogram"),
      series("h_sum", "histogram"),
      series("n_total", "counter"),
    ];
    written((store) => {
      addScrapes(store, { kind: "server", name: url }, facts, [
        [at(0), [5, 9, 9, 4, 100]],
        [at(4), [8, 12, 12, 7, 160]],
        [at(6), "connection refused"],
        [at(7), [0, 1, 1, 1, 20]],
        [at(10), [2, 4, 4, 3, 50]],
      ]);
    });
    const { metrics, summary } = document();
    expect(metrics.n.series[0].stats).to.deep.include({ total: 90, resets: 1, unknown_seconds: 3 });
    expect(metrics.h.series[0].buckets).to.equal(null);
    expect(metrics.h.series[0].stats).to.deep.include({ count: 6, sum: 5, resets: 1 });
    expect(metrics.h.series[0].stats).not.to.have.property("p50_estimate");
    expect(summary.endpoint_info[url].total_fetches).to.equal(4);
  });

  it("have buckets in the order of their bounds, whole numbers among them", () => {
    const facts = [
      ...["0.5", "1", "2.5", "10", "+Inf"].map((le) => series("h_bucket", "histogram", { le })),
      series("h_count", "histogram"),
      series("h_sum", "histogram"),
    ];
    written((store) => {
      addScrapes(store, { kind: "server", name: url }, facts, [
        [at(0), [0, 0, 0, 0, 0, 0, 0]],
        [at(10), [1, 2, 3, 4, 5, 5, 20]],
      ]);
    });
    expect(text("server_metrics_export.json").replaceAll(/\s/g, "")).to.contain(
      '"buckets":{"0.5":1.0,"1":2.0,"2.5":3.0,"10":4.0,"+Inf":5.0}',
    );
  });

  it("have a histogram without observations as a count of 0 and empty buckets", () => {
    const facts = [series("h_bucket", "histogram", { le: "+Inf" }), series("h_count", "histogram"), series("h_sum", "histogram")];
    written((store) => {
      addScrapes(store, { kind: "server", name: url }, facts, [
        [at(0), [7, 7, 3]],
        [at(10), [7, 7, 3]],
      ]);
    });
    expect(document().metrics.h.series[0]).to.deep.include({ stats: { count: 0 }, buckets: { "+Inf": 0 } });
  });

  it("have what a page gains meanwhile from 0 on", () => {
    written((store) => {
      addScrapes(
        store,
        { kind: "server", name: url },
        [series("a_total", "counter"), series("b_total", "counter")],
        [
          [at(0), [5]],
          [at(5), [6, 3]],
          [at(10), [7, 8]],
        ],
      );
    });
    const { metrics } = document();
    expect([metrics.a, metrics.b].map((metric) => metric.series[0].stats.total)).to.deep.equal([2, 8]);
  });

  it("have every value in Parquet, counters since their baseline and a row a bucket", async () => {
    const facts = [
      series("g", "gauge", { engine: "0", value: "hidden" }),
      series("n_total", "counter"),
      series("h_bucket", "histogram", { le: "0.5" }),
      series("h_bucket", "histogram", { le: "+Inf" }),
      series("h_count", "histogram"),
      series("h_sum", "histogram"),
    ];
    written((store) => {
      addScrapes(store, { kind: "server", name: url }, facts, [
        [at(0), [1, 100, 1, 2, 2, 1]],
        [at(5), [2, 150, 3, 5, 5, 4]],
      ]);
    });
    const bytes = readFileSync(join(run.folder, "server_metrics_export.parquet"));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    const rows = await parquetReadObjects({ file });
    const told = rows.map((row) => [row.metric_name, row.value, row.bucket_le, row.bucket_count, row.count, row.sum, row.engine]);
    expect(told).to.deep.equal([
      ["g", 1, null, null, null, null, "0"],
      ["g", 2, null, null, null, null, "0"],
      ["h", null, "0.5", 2, 3, 3, null],
      ["h", null, "+Inf", 3, 3, 3, null],
      ["n", 50, null, null, null, null, null],
    ]);
  });

  it("tell of AMD's GPUs, and of pages that died", () => {
    const gpu = { subject: "0xabc", labels: { index: "3", model: "MI300X" } };
    const facts = [
      gpuSeries("amd_power", "W", gpu),
      { ...gpuSeries("amd_energy_consumption", "J", gpu), type: "counter" as const },
    ];
    written((store) => {
      addScrapes(store, { kind: "amd", name: "http://gpu:5000/metrics" }, facts, [
        [at(0), [100, 1e6]],
        [at(5), "connection refused"],
        [at(10), [300, 2e6]],
      ]);
    });
    const { telemetry_data: telemetry, ...metrics } = JSON.parse(text("profile_export_aiperf.json"));
    const found = telemetry.endpoints["gpu:5000"].gpus.gpu_3;
    expect(found).to.include({ platform: "amd", gpu_name: "MI300X" });
    expect(found.metrics.amd_energy_consumption).to.deep.equal({ unit: "MJ", avg: 1 });
    expect(metrics.amd_total_gpu_energy).to.deep.equal({ unit: "J", avg: 1e6 });
    expect(telemetry.error_summary).to.deep.equal([
      { error_details: { type: "TelemetryError", message: "http://gpu:5000/metrics: connection refused" }, count: 1 },
    ]);
    expect(text("profile_export_aiperf.csv")).to.include("gpu:5000,3,MI300X,0xabc,amd,AMD GPU Power (W),200.00");
  });
});

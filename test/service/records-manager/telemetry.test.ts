import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { RUN_APPLICATION_ID } from "../../../services/common/run-file.ts";
import type { SeriesFacts } from "../../../services/records-manager/core/telemetry-rows.ts";
import { RunReader } from "../../../services/records-manager/store/run-reader.ts";
import { RunStore } from "../../../services/records-manager/store/run-store.ts";
import { runFormat } from "../../../services/records-manager/store/schema.ts";
import { METRIC_TAGS, START_NS, WALL_OFFSET_NS } from "../../unit/records-manager/records.ts";
import { createStore, type RunFolder, temporaryFolder } from "./run-fixture.ts";
import { addScrapes, gpuSeries } from "./scraped.ts";

const server = { kind: "server", name: "http://127.0.0.1:8000/metrics" };
const gpus = { kind: "dcgm", name: "http://127.0.0.1:9400/metrics" };
const bucket = (le: string): SeriesFacts => ({
  subject: "",
  name: "ttft_bucket",
  family: "ttft",
  type: "histogram",
  unit: "seconds",
  help: "Time to first token",
  labels: { model: "m", le },
});
const gpu = { subject: "GPU-1", labels: { index: "0" } };
const power = gpuSeries("nvidia_power_usage", "W", gpu);
const energy = gpuSeries("nvidia_energy_consumption", "J", gpu);
const at = (sec: number): number => START_NS + sec * 1e9;

describe("telemetry in a run's file", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  function read<Result>(look: (reader: RunReader) => Result): Result {
    const reader = RunReader.open(run.folder);
    try {
      return look(reader);
    } finally {
      reader.close();
    }
  }
  const rowsOf = (sql: string): unknown[] => {
    const db = new Database(join(run.folder, "run.db"), { readonly: true });
    try {
      return db.prepare(sql).raw().all();
    } finally {
      db.close();
    }
  };
  function written(write: (store: RunStore) => void): void {
    const store = createStore(run.folder);
    write(store);
    store.close();
  }

  it("is found by kind, name, family and source", () => {
    written((store) => {
      addScrapes(store, server, [bucket("0.1"), bucket("+Inf")], [[at(1), [1, 2]]]);
      addScrapes(store, gpus, [power], [[at(1), [300]]]);
    });
    read((reader) => {
      const all = reader.series();
      expect(all.map(({ series, kind, source }) => ({ series, kind, source }))).to.deep.equal([
        { series: 1, kind: "server", source: server.name },
        { series: 2, kind: "server", source: server.name },
        { series: 3, kind: "dcgm", source: gpus.name },
      ]);
      expect(all[1]).to.deep.include(bucket("+Inf"));
      for (const filter of [
        { kinds: ["dcgm"] },
        { names: [power.name, "x"] },
        { families: [power.name] },
        { sources: [gpus.name] },
      ])
        expect(reader.series(filter), JSON.stringify(filter)).to.deep.equal([all[2]]);
      expect(reader.series({ families: ["ttft"], sources: [server.name] })).to.have.lengthOf(2);
      expect(reader.series({ kinds: ["dcgm"], families: ["ttft"] })).to.deep.equal([]);
    });
  });

  it("gives each series its own values in order of time, whatever the scrapes lack", () => {
    written((store) => {
      addScrapes(store, server, [bucket("0.1")], [[at(2), [7]]]);
      // Goes on with a series more, and without the first one.
      addScrapes(
        store,
        server,
        [bucket("+Inf"), bucket("0.1")],
        [
          [at(3), [Number.POSITIVE_INFINITY, Number.NaN]],
          [at(1), [Number.NEGATIVE_INFINITY, 0.1 + 0.2]],
        ],
      );
      addScrapes(store, gpus, [power], [[at(2), [300]]]);
    });
    read((reader) => {
      const points = reader.seriesPoints([1, 2, 3, 99], 0, at(9));
      expect([...points.keys()]).to.have.members([1, 2, 3]);
      const [first, second] = [Float64Array.of(at(1), at(2)), Float64Array.of(at(1), at(3))];
      expect(points.get(1)).to.deep.equal({ ns: first, values: Float64Array.of(0.1 + 0.2, 7), absentNs: Float64Array.of(at(3)) });
      const infinite = Float64Array.of(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
      expect(points.get(2)).to.deep.equal({ ns: second, values: infinite, absentNs: Float64Array.of(at(2)) });
      expect(points.get(3)?.values).to.deep.equal(Float64Array.of(300));
      expect(reader.seriesPoints([1], at(1), at(1)).get(1)?.ns).to.deep.equal(Float64Array.of(at(1)));
      expect(reader.seriesPoints([1], at(3), at(9)).get(1)?.ns).to.have.lengthOf(0);
    });
  });

  it("keeps apart what differs in its type, unit or labels alone", () => {
    const gauge = bucket("0.1");
    const others = [
      { ...gauge, type: "counter" },
      { ...gauge, unit: "ms" },
      { ...gauge, labels: { le: "0.1" } },
    ];
    written((store) => {
      addScrapes(store, server, [gauge, ...others, { ...gauge, help: "said otherwise" }], [[at(1), [1, 2, 3, 4]]]);
    });
    expect(read((reader) => reader.series())).to.have.lengthOf(4);
    expect(rowsOf("SELECT readings FROM samples")).to.deep.equal([["[1,2,3,4]"]]);
  });

  it("has scrapes that gave nothing, with the reason, and no value for them", () => {
    written((store) => {
      addScrapes(
        store,
        server,
        [bucket("0.1")],
        [
          [at(2), "no page within 2000 ms"],
          [at(1), [1]],
        ],
      );
    });
    read((reader) => {
      const gap = { ...server, startNs: at(2) - 1e6, endNs: at(2), reason: "no page within 2000 ms" };
      expect(reader.telemetryGaps()).to.deep.equal([gap]);
      expect(reader.seriesPoints([1], 0, at(9)).get(1)?.ns).to.deep.equal(Float64Array.of(at(1)));
      expect(reader.telemetrySources()).to.deep.equal([{ ...server, scrapes: 1, gaps: 1, skewNs: undefined }]);
    });
  });

  it("tells a source's clock from its own times: at least as far ahead as its freshest value", () => {
    const wallNs = (sec: number): number => at(sec) + WALL_OFFSET_NS;
    written((store) => {
      addScrapes(
        store,
        server,
        [bucket("0.1")],
        [
          [at(1), [1], { sourceWallNs: wallNs(1) + 4e9 }],
          [at(2), [1], { sourceWallNs: wallNs(2) + 5e9 }],
          [at(3), [1], { sourceWallNs: wallNs(3) + 3e9, ageNs: 2e9 }],
        ],
      );
    });
    expect(read((reader) => reader.telemetrySources()[0]?.skewNs)).to.be.closeTo(5e9, 2000);
    expect(rowsOf("SELECT age_ns FROM samples WHERE age_ns IS NOT NULL")).to.deep.equal([[2_000_000_000]]);
  });

  it("goes on in the file after its writer died, with the same series, and knows which batches it has", () => {
    written((store) => {
      addScrapes(store, server, [bucket("0.1")], [[at(1), [1]]]);
      store.setLastObservation("telemetry-1", 4);
      store.setLastObservation("telemetry-1", 5);
    });
    const store = RunStore.open(run.folder, { metricTags: METRIC_TAGS });
    expect([store.lastObservation("telemetry-1"), store.lastObservation("another")]).to.deep.equal([5, 0]);
    addScrapes(store, server, [bucket("0.2"), bucket("0.1")], [[at(2), [5, 6]]]);
    store.close();
    expect(rowsOf("SELECT readings FROM samples ORDER BY end_ns")).to.deep.equal([["[1]"], ["[6,5]"]]);
    expect(rowsOf("SELECT place FROM series ORDER BY series")).to.deep.equal([[0], [1]]);
  });

  it("is shown by a view: a row a value, with its phase", () => {
    written((store) => {
      store.startPhase(0, at(2));
      store.endPhase(0, at(4));
      addScrapes(
        store,
        gpus,
        [power, energy],
        [
          [at(1), [100, 5]],
          [at(3), [300, Number.NaN]],
          [at(5), "gone"],
        ],
      );
    });
    const sql =
      "SELECT kind, source, subject, gpu, name, unit, value, phase, scraped_sec FROM telemetry ORDER BY scraped_at, name DESC";
    const of = [gpus.kind, gpus.name, gpu.subject, "0"];
    expect(rowsOf(sql)).to.deep.equal([
      [...of, power.name, "W", 100, null, null],
      [...of, energy.name, "J", 5, null, null],
      [...of, power.name, "W", 300, "profiling", 1],
    ]);
  });

  describe("of a file from before scrapes had rows", () => {
    beforeEach(() => {
      written(() => {});
      const db = new Database(join(run.folder, "run.db"));
      db.exec("DROP VIEW telemetry; DROP TABLE samples; DROP TABLE series; DROP TABLE sources; DROP TABLE sample_senders");
      const [first = ""] = runFormat(METRIC_TAGS).migrations;
      for (const table of ["series", "samples"]) db.exec(new RegExp(`CREATE TABLE ${table} \\([^;]*;`).exec(first)?.[0] ?? "");
      db.exec(`CREATE VIEW telemetry AS SELECT field, value FROM samples JOIN series USING (series);
        INSERT INTO series VALUES (1, '${gpus.name}', 'GPU-1', '${power.name}', 'W', '{"index":"0"}'),
          (2, 'http://b/metrics', 'GPU-2', '${power.name}', 'W', '{}'), (3, '${gpus.name}', 'GPU-1', '${energy.name}', 'J', '{"index":"0"}');
        INSERT INTO samples VALUES (1, 100.5, ${at(1)}, ${at(1) + 5}, 7), (3, 1000, ${at(1)}, ${at(1) + 5}, 7),
          (2, 9, ${at(1)}, ${at(1) + 6}, NULL), (3, 1100, ${at(2)}, ${at(2) + 5}, NULL);
        PRAGMA user_version = 1`);
      expect(db.pragma("application_id", { simple: true })).to.equal(RUN_APPLICATION_ID);
      db.close();
    });

    const expectWhole = (): void =>
      read((reader) => {
        expect(reader.series({ kinds: ["dcgm"] }).map(({ series, subject, name }) => [series, subject, name])).to.deep.equal([
          [1, "GPU-1", power.name],
          [2, "GPU-2", power.name],
          [3, "GPU-1", energy.name],
        ]);
        expect(reader.series()[0]).to.deep.include({ unit: "W", labels: { index: "0" }, source: gpus.name });
        const points = reader.seriesPoints([1, 2, 3], 0, at(9));
        const [ns, absentNs] = [Float64Array.of(at(1) + 5), Float64Array.of(at(2) + 5)];
        expect(points.get(1)).to.deep.equal({ ns, values: Float64Array.of(100.5), absentNs });
        expect(points.get(2)?.values).to.deep.equal(Float64Array.of(9));
        expect(points.get(3)?.values).to.deep.equal(Float64Array.of(1000, 1100));
      });

    it("is put into the new form by whoever reads it first, and stays one file by itself", () => {
      expectWhole();
      expectWhole();
      expect(rowsOf("SELECT readings, age_ns FROM samples ORDER BY end_ns")).to.deep.equal([
        ["[100.5,1000.0]", 7],
        ["[9.0]", null],
        ["[null,1100.0]", null],
      ]);
      expect(rowsOf("PRAGMA journal_mode")).to.deep.equal([["delete"]]);
      expect(rowsOf("SELECT count(*) FROM telemetry")).to.deep.equal([[4]]);
    });

    it("or goes on writing it", () => {
      const store = RunStore.open(run.folder, { metricTags: METRIC_TAGS });
      addScrapes(store, gpus, [{ ...energy, type: "unknown" }], [[at(3), [1200]]]);
      store.close();
      read((reader) => expect(reader.seriesPoints([3], at(3), at(3)).get(3)?.values).to.deep.equal(Float64Array.of(1200)));
    });
  });
});

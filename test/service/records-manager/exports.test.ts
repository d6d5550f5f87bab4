import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { exportFileName } from "../../../services/common/export-files.ts";
import { writeAtomically } from "../../../services/records-manager/exports/atomic-file.ts";
import { exportRun, offeredFiles } from "../../../services/records-manager/exports/export-run.ts";
import { exporterNames } from "../../../services/records-manager/exports/exporters.ts";
import { failed, record, START_NS } from "../../unit/records-manager/records.ts";
import { type FixedRunOptions, fixedRun } from "./export-fixture.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder } from "./run-fixture.ts";
import { addScrapes, gpuSeries } from "./scraped.ts";

describe("exports", () => {
  let run: RunFolder;
  const zone = process.env.TZ;
  beforeEach(() => {
    run = temporaryFolder();
    // Moments are written in the zone of the host.
    process.env.TZ = "UTC";
  });
  afterEach(() => {
    run.remove();
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  const read = (file: string) => readFileSync(join(run.folder, file), "utf8");
  const document = (file = "profile_export_aiperf.json") => JSON.parse(read(file));
  const lines = (file = "profile_export.jsonl") =>
    read(file)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  const written = (options?: FixedRunOptions) => {
    fixedRun(run.folder, options);
    return exportRun({ folder: run.folder });
  };

  const isOfAnswers = (name: string) => name === "raw-jsonl" || name === "outputs" || name === "vllm";
  for (const name of exporterNames.filter((each) => !each.endsWith("parquet"))) {
    const file = exportFileName(name, "");
    it(`write ${file} to the byte`, () => {
      fixedRun(run.folder, isOfAnswers(name) ? { exportLevel: "raw" } : {});
      expect(exportRun({ folder: run.folder, names: [name] })).to.deep.equal([{ name, path: join(run.folder, file) }]);
      // The one path in it is the test's own.
      const text = read(file).replaceAll(run.folder, "/folder/of/the/run");
      const golden = readFileSync(join(import.meta.dirname, "golden", file), "utf8");
      expect(text).to.equal(golden);
    });
  }

  it("are those of the run's export level, in the folder asked for, each whole", () => {
    fixedRun(run.folder, { exportLevel: "summary" });
    const outputFolder = join(run.folder, "files", "of", "mine");
    exportRun({ folder: run.folder, outputFolder });
    expect(readdirSync(outputFolder).sort()).to.deep.equal([
      "gpu_telemetry_export.jsonl",
      "profile_export_aiperf.csv",
      "profile_export_aiperf.json",
      "profile_export_console.txt",
      "run_config.json",
      "server_metrics_export.csv",
      "server_metrics_export.json",
    ]);
  });

  it("take their names from the run's prefix, and the offer of files with them", () => {
    written({ exportPrefix: "/some/where/mine.jsonl" });
    const scraped = ["mine_gpu_telemetry.jsonl", "mine_server_metrics.csv", "mine_server_metrics.json"];
    const files = ["mine.csv", "mine.json", "mine.jsonl", "mine_console.txt", ...scraped, "run_config.json"];
    expect(readdirSync(run.folder).sort()).to.have.members([...files, "run.db"]);
    writeFileSync(join(run.folder, "inputs.json"), "{}");
    const offered = offeredFiles({ folder: run.folder });
    const slices = ["mine_timeslices.csv", "mine_timeslices.json"];
    const servers = ["mine_server_metrics.jsonl", "mine_server_metrics.parquet"];
    const formats = [...servers, "mine.parquet", "mine_vllm_bench.json", "mine_benchmark_report_v0.2.json"];
    const others = [...slices, ...formats, "mine_raw.jsonl", "outputs.json"];
    expect(offered.map(({ file }) => file)).to.have.members([...files, ...others, "inputs.json", "run.db"]);
    expect(offered.filter(({ isUsual }) => !isUsual).map(({ file }) => file)).to.have.members(others);
  });

  it("are offered whatever the export level, and usual only as it says and where they are", () => {
    fixedRun(run.folder, { exportLevel: "summary" });
    const usual = offeredFiles({ folder: run.folder }).filter(({ isUsual }) => isUsual);
    expect(usual.map(({ file }) => file)).to.deep.equal([
      "profile_export_aiperf.json",
      "profile_export_aiperf.csv",
      "profile_export_console.txt",
      "run_config.json",
      "server_metrics_export.json",
      "server_metrics_export.csv",
      "gpu_telemetry_export.jsonl",
      "run.db",
    ]);
  });

  it("have the trace of every request where the run keeps them, and of none where it does not", () => {
    written({ isTraced: true });
    const traces = read("profile_export.jsonl")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).trace_data);
    expect(traces).to.have.lengthOf(8);
    expect(traces[1]).to.include({ trace_type: "assay", response_status_code: 200, duration_ns: 41_000_000 });
    expect(traces[7]).to.have.keys("trace_type", "error_timestamp_ns");
    expect(read("profile_export_aiperf.json")).not.to.include("trace_data");
  });

  it("hold no formula of a spreadsheet, whatever a target or a GPU is called", () => {
    const label = '=HYPERLINK("http://x")';
    const urls = [
      { url: "http://127.0.0.1:8000", label },
      { url: "http://127.0.0.1:8001", label: "-1+1" },
    ];
    const store = createStore(run.folder, { spec: JSON.stringify({ target: { urls } }) });
    insertAll(store, [record(0), record(1, { targetIndex: 1 })]);
    const power = gpuSeries("nvidia_power_usage", "W", { subject: "@GPU", labels: { index: "0", model: "+cmd" } });
    store.startPhase(0, START_NS);
    addScrapes(store, { kind: "dcgm", name: "http://h/metrics" }, [power], [[START_NS + 1e6, [-5]]]);
    store.commit();
    store.close();
    exportRun({ folder: run.folder, names: ["aiperf-csv"] });
    const cells = read("profile_export_aiperf.csv").split(/[\r\n,]+/);
    expect(cells).to.include.members(["'@GPU", "'+cmd", "'-1+1", "-5.00"]);
    expect(cells.filter((cell) => /^"?[=+@]/.test(cell))).to.deep.equal([]);
  });

  it("of answers are made of a file from before requests were kept, without them", () => {
    fixedRun(run.folder, { exportLevel: "raw" });
    const db = new Database(join(run.folder, "run.db"));
    for (const column of ["request_body", "response_headers"]) db.exec(`ALTER TABLE raw DROP COLUMN ${column}`);
    db.close();
    exportRun({ folder: run.folder, names: ["raw-jsonl", "outputs"] });
    const [, second] = lines("profile_export_raw.jsonl");
    expect(second).to.not.have.any.keys("payload", "response_headers");
    expect(second.responses).to.have.length(4);
    expect(document("outputs.json").data[0].response_text).to.equal("é!");
  });

  it("of answers are refused of a run that has not kept them", () => {
    fixedRun(run.folder);
    for (const name of ["raw-jsonl", "outputs"] as const) {
      expect(() => exportRun({ folder: run.folder, names: [name] }))
        .to.throw(AssayError, "--export-level raw")
        .with.property("code", "failed_precondition");
      expect(readdirSync(run.folder)).to.deep.equal(["run.db"]);
    }
  });

  it("name the command that is given now in place of the one in the spec", () => {
    fixedRun(run.folder);
    exportRun({ folder: run.folder, names: ["aiperf-json"], cliCommand: "assay run --mock" });
    expect(document().run_info.cli_command).to.equal("assay run --mock");
  });

  it("have the metrics of each slice of time where the run has slices, by when requests were sent", () => {
    const spec = JSON.stringify({ output: { sliceSec: 0.5 }, slos: [{ metric: "request_latency", threshold: 40 }] });
    const phases = [
      { phase: 0, name: "warmup", kind: "warmup", hasCeiling: false },
      { phase: 1, name: "profiling", kind: "profiling", hasCeiling: false },
    ] as const;
    const store = createStore(run.folder, { phases, spec });
    const of = (id: number, latency: number) =>
      record(id, { phase: 1, metrics: { request_latency: latency, output_sequence_length: 3 } });
    // Sent every 100 ms: five in the first half second, two in the second, none in the third, one in the fourth.
    insertAll(store, [
      record(0),
      ...[1, 2, 3, 4].map((id) => of(id, 40)),
      failed(5, { phase: 1 }),
      of(6, 30),
      of(7, 50),
      of(16, 60),
    ]);
    store.close();
    const names = exportRun({ folder: run.folder }).map(({ name }) => name);
    expect(names).to.include.members(["timeslices-json", "timeslices-csv"]);
    const { timeslices } = document("profile_export_aiperf_timeslices.json");
    expect(timeslices.map((slice: Record<string, unknown>) => [slice.timeslice_index, slice.is_complete])).to.deep.equal([
      [0, true],
      [1, true],
      [3, false],
    ]);
    expect(timeslices[0].end_ns - timeslices[0].start_ns).to.equal(0.5e9);
    const values = (tag: string) => timeslices.map((slice: Record<string, { avg: number }>) => slice[tag]?.avg);
    expect(values("request_count")).to.deep.equal([4, 2, 1]);
    expect(values("error_request_count")).to.deep.equal([1, undefined, undefined]);
    expect(values("request_latency")).to.deep.equal([40, 40, 60]);
    expect(values("good_request_count")).to.deep.equal([4, 1, 0]);
    expect(values("request_throughput").slice(0, 2)).to.deep.equal([8, 4]);
    expect(values("output_token_throughput").slice(0, 2)).to.deep.equal([24, 12]);
    const rows = read("profile_export_aiperf_timeslices.csv").split("\r\n");
    expect(rows[0]).to.equal("Timeslice,Metric,Unit,Stat,Value");
    expect(rows).to.include.members(["1,Request Latency,ms,max,50.00", "3,Request Count,requests,avg,1.00"]);
  });

  it("leave GPUs out where the run was told to", () => {
    written({ disableGpu: true });
    expect(document()).not.to.have.property("telemetry_data");
    expect(read("profile_export_aiperf.csv")).not.to.include("GPU_Index");
    expect(document().input_config.gpu_telemetry.enabled).to.equal(false);
  });

  it("of a run without requests have no metrics and no lines", () => {
    createStore(run.folder).close();
    exportRun({ folder: run.folder });
    expect(document()).to.include({ benchmark_id: "run-1", was_cancelled: false });
    expect(document()).not.to.have.any.keys("request_latency", "start_time", "end_time", "warmup_metrics");
    expect(read("profile_export.jsonl")).to.equal("");
    expect(read("profile_export_aiperf.csv").split("\r\n")[0]).to.equal("Metric,Value");
  });

  it("have a table of the targets where there are several, and none of one", () => {
    const urls = [{ url: "http://one:8000" }, { url: "http://two:8000" }];
    const spec = { target: { urls }, telemetry: { disableGpu: true } };
    const store = createStore(run.folder, { spec: JSON.stringify(spec) });
    insertAll(store, [
      record(1, { targetIndex: 0, metrics: { request_latency: 40 } }),
      record(2, { targetIndex: 0, metrics: { request_latency: 50 } }),
      record(3, { targetIndex: 1, metrics: { request_latency: 90 } }),
      failed(4, { targetIndex: 1 }),
    ]);
    store.close();
    exportRun({ folder: run.folder, names: ["aiperf-csv"] });
    const lines = read("profile_export_aiperf.csv").split("\r\n");
    const from = lines.findIndex((line) => line.startsWith("Target,"));
    expect(lines.slice(from - 2, from + 1)).to.deep.equal([
      "",
      "",
      "Target,Metric,avg,min,max,sum,p1,p5,p10,p25,p50,p75,p90,p95,p99,std",
    ]);
    const rows = lines.slice(from + 1).map((line) => line.split(",").slice(0, 6).join(","));
    const perSec = rows.map((row) => Number(/Throughput \(requests\/sec\),([\d.]+)/.exec(row)?.[1])).filter(Number.isFinite);
    expect(perSec).to.have.lengthOf(2);
    expect(rows.filter((row) => !row.includes("Throughput"))).to.deep.equal([
      "http://one:8000,Error Request Count,0.00,,,",
      "http://one:8000,Request Count,2.00,,,",
      "http://one:8000,Request Latency (ms),45.00,40.00,50.00,90.00",
      "http://two:8000,Error Request Count,1.00,,,",
      "http://two:8000,Request Count,1.00,,,",
      "http://two:8000,Request Latency (ms),90.00,90.00,90.00,90.00",
      "",
    ]);
    const lone = temporaryFolder();
    try {
      fixedRun(lone.folder);
      const [file] = exportRun({ folder: lone.folder, names: ["aiperf-csv"] });
      expect(readFileSync(file?.path ?? "", "utf8")).to.not.include("Target,");
    } finally {
      lone.remove();
    }
  });

  it("say that a run's figures are not whole, and why", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(1)]);
    store.endRun({ state: "FAILED", reason: "timing died", wasCancelled: false, endedWallNs: 1e18 });
    store.commit();
    store.close();
    exportRun({ folder: run.folder, names: ["aiperf-json"] });
    expect(document()).to.include({ is_complete: false, incomplete_reason: "timing died" });
  });

  it("tell failures apart by status and message, and count what is beyond a hundred messages", () => {
    const store = createStore(run.folder);
    const failure = (id: number, status: number, message: string) =>
      failed(id, { status, error: { code: "http_5xx", phase: "wait", message } });
    insertAll(store, [
      ...Array.from({ length: 3 }, (_, id) => failure(id, 503, "busy")),
      ...Array.from({ length: 2 }, (_, id) => failure(10 + id, 500, "busy")),
      ...Array.from({ length: 120 }, (_, id) => failure(100 + id, 503, `trace ${id}`)),
    ]);
    store.close();
    exportRun({ folder: run.folder, names: ["aiperf-json"] });
    const summary: { error_details: { code: number; message: string }; count: number }[] = document().error_summary;
    const counts = new Map(summary.map(({ error_details: { code, message }, count }) => [`${code} ${message}`, count]));
    expect(counts.get("503 busy")).to.equal(3);
    expect(counts.get("500 busy")).to.equal(2);
    expect(counts.get("503 trace 0")).to.equal(1);
    expect(counts.get("503 other messages")).to.equal(22);
    expect(summary.reduce((sum, { count }) => sum + count, 0)).to.equal(125);
  });

  it("write every line of a run that does not fit in one page", () => {
    const store = createStore(run.folder);
    insertAll(
      store,
      Array.from({ length: 1001 }, (_, id) => record(id)),
    );
    store.close();
    exportRun({ folder: run.folder, names: ["aiperf-jsonl"] });
    expect(lines().map(({ metadata }) => metadata.session_num)).to.deep.equal(Array.from({ length: 1001 }, (_, id) => id));
  });

  it("say which file could not be written, and what is saved all the same", () => {
    fixedRun(run.folder);
    const blocked = join(run.folder, "profile_export_console.txt");
    mkdirSync(blocked);
    writeFileSync(join(blocked, "in the way"), "");
    expect(() => exportRun({ folder: run.folder }))
      .to.throw(AssayError, `cannot write "${blocked}"`)
      .with.property("message")
      .that.includes(`saved are ${join(run.folder, "run.db")}, ${join(run.folder, "profile_export_aiperf.json")}`);
    expect(readdirSync(run.folder).some((name) => name.endsWith(".tmp"))).to.equal(false);
    expect(existsSync(join(run.folder, "profile_export.jsonl"))).to.equal(false);
  });

  it("name the folder that cannot be made", () => {
    fixedRun(run.folder);
    const outputFolder = join(run.folder, "run.db", "below");
    expect(() => exportRun({ folder: run.folder, outputFolder })).to.throw(AssayError, outputFolder);
  });
});

describe("writing a file atomically", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  it("keeps the old file when writing fails, and nothing of the new one", () => {
    const path = join(run.folder, "file");
    writeFileSync(path, "old");
    const failing = () => {
      return writeAtomically(path, (text) => {
        text("new".repeat(200_000));
        throw new Error("no more");
      });
    };
    expect(failing).to.throw(AssayError, `cannot write "${path}": no more`);
    expect(readdirSync(run.folder)).to.deep.equal(["file"]);
    expect(readFileSync(path, "utf8")).to.equal("old");
  });

  it("writes text of any size and any characters", () => {
    const path = join(run.folder, "file");
    const pieces = Array.from({ length: 300 }, (_, index) => `${index} ✓ 漢字 `.repeat(200));
    writeAtomically(path, (text) => {
      for (const piece of pieces) text(piece);
    });
    expect(readFileSync(path, "utf8")).to.equal(pieces.join(""));
  });
});

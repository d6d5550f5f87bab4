import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { metricsByTag } from "../../../metrics/catalog.ts";
import { exportFileName } from "../../../services/common/export-files.ts";
import { exportRun } from "../../../services/records-manager/exports/export-run.ts";
import { type ExporterName, exporterNames } from "../../../services/records-manager/exports/exporters.ts";
import { schemaNames, violationsOf, violationsOfLines } from "../../support/schemas.ts";
import { failed, record } from "../../unit/records-manager/records.ts";
import { servedModel } from "../../unit/records-manager/served-models.ts";
import { fixedRun } from "./export-fixture.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder } from "./run-fixture.ts";

const written = exporterNames.map((name) => exportFileName(name, "")).filter((file) => /\.jsonl?$/.test(file));

/** Runs whose files have everything that files can have, each some of it. */
const runs: Readonly<Record<string, (folder: string) => void>> = {
  "with failures, a warm-up and a GPU": (folder) => fixedRun(folder),
  "with answers": (folder) => fixedRun(folder, { exportLevel: "raw" }),
  "with traces and without GPUs": (folder) => fixedRun(folder, { isTraced: true, disableGpu: true }),
  "with answers that were checked": (folder) => {
    const store = createStore(folder, { spec: JSON.stringify({ slos: [{ metric: "request_latency", threshold: 40 }] }) });
    insertAll(store, [
      record(0, { check: { isCorrect: true, reason: "", answer: "" } }),
      record(1, { check: { isCorrect: false, reason: "is not 4", answer: "5" } }),
      record(2, { check: { isCorrect: undefined, reason: "took longer than 1000 ms", answer: "" } }),
    ]);
    store.close();
  },
  "with statistics of servers": (folder) => {
    const store = createStore(folder, { spec: JSON.stringify({ models: ["m"] }) });
    insertAll(store, [record(0)]);
    store.addServed([servedModel(), servedModel({ model: "another", batches: [], times: {} })]);
    store.commit();
    store.close();
  },
  "without requests": (folder) => createStore(folder, { spec: JSON.stringify({ output: { exportLevel: "raw" } }) }).close(),
  "with targets, slices and objectives, that failed": (folder) => {
    const urls = [{ url: "http://a", label: "a" }, { url: "http://b" }];
    const slos = [{ metric: "request_latency", threshold: 40 }];
    const objectives = ["ttft:p99 < 5ms"];
    const output = { sliceSec: 0.5, exportLevel: "raw" };
    const store = createStore(folder, { spec: JSON.stringify({ target: { urls }, slos, objectives, output, randomSeed: "7" }) });
    insertAll(store, [record(0), record(1, { targetIndex: 1 }), failed(2), record(8, { dueNs: 1 })]);
    store.endRun({ state: "FAILED", reason: "timing died", wasCancelled: false, endedWallNs: 1 });
    store.commit();
    store.close();
  },
};

function schemaOf(file: string): string {
  // Where a summary and its lines are called alike.
  return file === "server_metrics_export.jsonl" ? "server_metrics_export_lines" : file.replace(/\.jsonl?$/, "");
}

describe("the schemas of a run's files", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  const read = (file: string) => readFileSync(join(run.folder, file), "utf8");
  const violations = (file: string): string[] => {
    const text = read(file);
    if (file.endsWith(".jsonl")) return text === "" ? [] : violationsOfLines(schemaOf(file), text);
    return violationsOf(schemaOf(file), JSON.parse(text));
  };
  const namesOf = (folder: string): ExporterName[] => {
    const isRaw = JSON.parse(readFileSync(join(folder, "run_config.json"), "utf8")).cfg.artifacts.raw === true;
    return exporterNames.filter((name) => isRaw || (name !== "raw-jsonl" && name !== "outputs"));
  };

  it("are there for each file of JSON, and for nothing else", () => {
    const others = ["common", "inputs", "log"];
    expect(schemaNames).to.have.members([...written.map(schemaOf), ...others]);
  });

  for (const [what, make] of Object.entries(runs)) {
    it(`allow the files of a run ${what}`, () => {
      make(run.folder);
      exportRun({ folder: run.folder, names: ["run-config"] });
      const names = namesOf(run.folder);
      exportRun({ folder: run.folder, names });
      for (const name of names) {
        const file = exportFileName(name, "");
        if (written.includes(file)) expect(violations(file), file).to.deep.equal([]);
      }
    });
  }

  it("allow the bodies of requests", () => {
    const golden = readFileSync(join(import.meta.dirname, "golden", "inputs.json"), "utf8");
    expect(violationsOf("inputs", JSON.parse(golden))).to.deep.equal([]);
    expect(violationsOf("inputs", { data: [{ session_id: "a", payloads: [null, "text", {}] }] })).to.deep.equal([]);
  });

  it("refuse what is missing, misspelt or of another type, in each file", () => {
    fixedRun(run.folder, { exportLevel: "raw" });
    exportRun({ folder: run.folder });
    exportRun({ folder: run.folder, names: ["vllm", "llm-d", "timeslices-json", "outputs", "server-jsonl"] });
    for (const file of written) {
      const [first = ""] = file.endsWith(".jsonl") ? read(file).split("\n") : [read(file)];
      const document: Record<string, unknown> = JSON.parse(first);
      const schema = schemaOf(file);
      expect(violationsOf(schema, document), file).to.deep.equal([]);
      expect(violationsOf(schema, { ...document, "Not A Key": 1 }), file).to.not.deep.equal([]);
      const [key = ""] = Object.keys(document);
      expect(violationsOf(schema, { ...document, [key]: { "no such": 1 } }), `${file} ${key}`).to.not.deep.equal([]);
      const { [key]: _, ...rest } = document;
      expect(violationsOf(schema, rest), `${file} without ${key}`).to.not.deep.equal([]);
    }
  });

  it("allow metrics by any tag, and those of the summary are of the catalog", () => {
    fixedRun(run.folder);
    exportRun({ folder: run.folder, names: ["aiperf-json"] });
    const tags = Object.entries(JSON.parse(read("profile_export_aiperf.json"))).flatMap(([key, value]) =>
      typeof value === "object" && value !== null && "unit" in value ? [key] : [],
    );
    expect(tags.filter((tag) => !metricsByTag.has(tag))).to.deep.equal([]);
    expect(tags.length).to.be.above(30);
  });
});

/** What programs that read AIPerf's files take for granted. */
describe("a reader of AIPerf's files", () => {
  let run: RunFolder;
  before(() => {
    run = temporaryFolder();
    fixedRun(run.folder);
    exportRun({ folder: run.folder });
  });
  after(() => run.remove());

  it("of the summary finds metrics at the top by tag, each with its unit and statistics, the configuration and the errors", () => {
    const summary = JSON.parse(readFileSync(join(run.folder, "profile_export_aiperf.json"), "utf8"));
    for (const tag of [
      "request_latency",
      "time_to_first_token",
      "inter_token_latency",
      "output_sequence_length",
      "input_sequence_length",
    ]) {
      expect(summary[tag]).to.include.all.keys("unit", "avg", "p50", "p90", "p99", "min", "max", "std");
      for (const statistic of ["avg", "p50", "p99"]) expect(summary[tag][statistic]).to.be.a("number");
    }
    for (const tag of ["request_throughput", "output_token_throughput", "request_count", "benchmark_duration"]) {
      expect(summary[tag]).to.have.all.keys("unit", "avg");
    }
    const { models, endpoint, phases } = summary.input_config;
    expect(models.items[0].name).to.equal("org/m");
    expect(endpoint).to.include({ type: "chat", streaming: true }).and.to.have.property("urls").with.length(1);
    expect(phases.at(-1)).to.include({ kind: "profiling", concurrency: 2 });
    for (const { error_details: details, count } of summary.error_summary) {
      expect(details).to.include.all.keys("type", "message");
      expect(count).to.be.at.least(1);
    }
    const counted = summary.error_summary.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
    expect(counted).to.equal(summary.error_request_count.avg);
  });

  it("of the records finds metadata and metrics in each line, and can join a line with the body of its request", () => {
    const lines = readFileSync(join(run.folder, "profile_export.jsonl"), "utf8").trimEnd().split("\n");
    for (const line of lines) {
      const { metadata, metrics, error } = JSON.parse(line);
      expect(metadata).to.include.all.keys(
        "session_num",
        "conversation_id",
        "turn_index",
        "benchmark_phase",
        "x_request_id",
        "worker_id",
      );
      expect(metadata.request_end_ns).to.be.at.least(metadata.request_start_ns);
      for (const metric of Object.values(metrics)) expect(metric).to.have.all.keys("value", "unit");
      if (error !== undefined || metadata.benchmark_phase !== "profiling") continue;
      expect(metrics.request_latency).to.include({ unit: "ms" });
      const { value } = metrics.inter_chunk_latency ?? { value: [] };
      expect(value).to.be.an("array");
    }
  });
});

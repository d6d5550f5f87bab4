import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { recordMetrics, runMetrics } from "../../../metrics/catalog.ts";
import { exportRun } from "../../../services/records-manager/exports/export-run.ts";
import aiperf from "../../fixtures/aiperf/files.json" with { type: "json" };
import { fixedRun } from "./export-fixture.ts";
import { type RunFolder, temporaryFolder } from "./run-fixture.ts";

type Row = Record<string, unknown>;

/** The keys of `ours` that AIPerf has, which must be in AIPerf's order. */
function expectOrder(ours: readonly string[], theirs: readonly string[]): void {
  expect(ours.filter((key) => theirs.includes(key))).to.deep.equal(theirs.filter((key) => ours.includes(key)));
}

/** `test/fixtures/aiperf/files.json` says what runs of AIPerf 0.13 wrote: keys in their order, units, columns. */
describe(`the files of a run beside those of AIPerf ${aiperf.aiperf}`, () => {
  let run: RunFolder;
  let summary: Row;
  let csv: string[];
  let lines: string[];

  before(() => {
    run = temporaryFolder();
    fixedRun(run.folder);
    exportRun({ folder: run.folder });
    const read = (file: string) => readFileSync(join(run.folder, file), "utf8");
    summary = JSON.parse(read("profile_export_aiperf.json"));
    csv = read("profile_export_aiperf.csv").split("\r\n");
    lines = read("profile_export.jsonl").trimEnd().split("\n");
  });
  after(() => run.remove());

  const metrics = () =>
    Object.entries(summary).filter(([, value]) => typeof value === "object" && value !== null && "unit" in value);

  it("have the summary's fixed keys in AIPerf's order, all but its version", () => {
    expectOrder(Object.keys(summary), aiperf.summary.leading);
    const absent = aiperf.summary.leading.filter((key) => !(key in summary));
    expect(absent).to.deep.equal(["aiperf_version"]);
  });

  it("have AIPerf's statistics for each metric, in its order", () => {
    for (const [tag, metric] of metrics()) {
      const keys = Object.keys(metric as Row);
      expect([aiperf.summary.distribution, aiperf.summary.value], tag).to.deep.include(keys);
      if (tag in aiperf.summary.units) {
        expect(keys.length === aiperf.summary.value.length, tag).to.equal(aiperf.summary.values.includes(tag));
      }
    }
    expect(metrics().length).to.be.above(30);
  });

  it("have AIPerf's unit wherever AIPerf has the metric", () => {
    const units = new Map<string, string>(Object.entries(aiperf.summary.units));
    for (const { tag, unit } of [...recordMetrics, ...runMetrics]) {
      if (units.has(tag)) expect(unit, tag).to.equal(units.get(tag));
    }
  });

  it("describe run, errors and GPUs by AIPerf's keys", () => {
    expect(Object.keys(summary.run_info as Row)).to.deep.equal(aiperf.summary.run_info);
    const [error] = summary.error_summary as Row[];
    expect(Object.keys(error as Row)).to.deep.equal(aiperf.summary.error);
    expectOrder(Object.keys((error as { error_details: Row }).error_details), aiperf.summary.error_details);
    const telemetry = summary.telemetry_data as Record<string, Row>;
    expect(Object.keys(telemetry)).to.deep.equal(aiperf.summary.telemetry_data);
    expect(Object.keys(telemetry.summary as Row)).to.deep.equal(aiperf.summary.telemetry_summary);
    const gpu = (telemetry.endpoints as unknown as Record<string, { gpus: Record<string, Row> }>)["127.0.0.1:9400"]?.gpus.gpu_0;
    expect(Object.keys(gpu as Row)).to.deep.equal(aiperf.summary.gpu);
    for (const [field, { unit }] of Object.entries((gpu as { metrics: Record<string, { unit: string }> }).metrics)) {
      expect(unit, field).to.equal((aiperf.summary.gpu_units as Record<string, string>)[field]);
    }
  });

  it("have AIPerf's columns in the CSV, and its names of the metrics", () => {
    expect(csv[0]).to.equal(aiperf.csv.distributions.join(","));
    expect(csv).to.include(aiperf.csv.values.join(","));
    expect(csv).to.include(aiperf.csv.gpus.join(","));
    const names = new Map<string, string>(Object.entries(aiperf.csv.names));
    for (const tag of metrics().map(([found]) => found)) {
      const name = names.get(tag);
      if (name !== undefined)
        expect(
          csv.some((line) => line.startsWith(`${name},`)),
          name,
        ).to.equal(true);
    }
  });

  it("have AIPerf's keys in each line of records, in its order, and an error only where there is one", () => {
    expect(lines).to.have.length(8);
    for (const line of lines) {
      const parsed: { metadata: Row; metrics: Record<string, { unit: string }>; error?: Row } = JSON.parse(line);
      expectOrder(aiperf.records.line, Object.keys(parsed));
      expect(Object.keys(parsed.metadata).every((key) => aiperf.records.metadata.includes(key))).to.equal(true);
      expectOrder(Object.keys(parsed.metadata), aiperf.records.metadata);
      expect(parsed.metadata).to.include.all.keys(aiperf.records.always);
      const units = new Map<string, string>(Object.entries(aiperf.records.units));
      for (const [tag, metric] of Object.entries(parsed.metrics)) {
        expect(Object.keys(metric)).to.deep.equal(aiperf.records.metric);
        if (units.has(tag)) expect(metric.unit, tag).to.equal(units.get(tag));
      }
      const hasFailed = "error_isl" in parsed.metrics || parsed.metadata.was_cancelled === true;
      expect("error" in parsed).to.equal(hasFailed);
    }
  });

  it("write integers where AIPerf does, and floats with a point where it does", () => {
    const written = lines.flatMap((line) => [...line.matchAll(/"(\w+)":\{"value":(-?[\d.e+-]+),/g)]);
    expect(written.length).to.be.above(20);
    for (const [, tag = "", value = ""] of written) {
      if (tag in aiperf.records.units) {
        expect(/^-?\d+$/.test(value), `${tag}: ${value}`).to.equal(aiperf.records.integers.includes(tag));
      }
    }
  });
});

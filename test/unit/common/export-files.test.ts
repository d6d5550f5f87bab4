import { expect } from "chai";
import { runsExportFlags } from "../../../clients/cli/runs/flags.ts";
import {
  exportBase,
  exportFileName,
  exportFormats,
  exportNames,
  exportPrefixProblem,
} from "../../../services/common/export-files.ts";

describe("the names of a run's files", () => {
  it("are AIPerf's", () => {
    expect(exportNames.map((name) => exportFileName(name, ""))).to.have.members([
      "profile_export_aiperf.json",
      "profile_export_aiperf.csv",
      "profile_export.jsonl",
      "profile_export_console.txt",
      "profile_export_aiperf_timeslices.json",
      "profile_export_aiperf_timeslices.csv",
      "profile_export_raw.jsonl",
      "outputs.json",
      "run_config.json",
      "profile_export.parquet",
      "vllm_bench.json",
      "benchmark_report_v0.2.json",
      "gpu_telemetry_export.jsonl",
      "server_metrics_export.json",
      "server_metrics_export.csv",
      "server_metrics_export.jsonl",
      "server_metrics_export.parquet",
      "inputs.json",
    ]);
  });

  it("begin with the prefix, but for those that AIPerf names without it", () => {
    expect(exportNames.map((name) => exportFileName(name, "p"))).to.have.members([
      "p.json",
      "p.csv",
      "p.jsonl",
      "p_console.txt",
      "p_timeslices.json",
      "p_timeslices.csv",
      "p_raw.jsonl",
      "outputs.json",
      "run_config.json",
      "p.parquet",
      "p_vllm_bench.json",
      "p_benchmark_report_v0.2.json",
      "p_gpu_telemetry.jsonl",
      "p_server_metrics.json",
      "p_server_metrics.csv",
      "p_server_metrics.jsonl",
      "p_server_metrics.parquet",
      "inputs.json",
    ]);
  });

  it("are asked for by the formats that the command line offers", () => {
    expect(runsExportFlags.format.kind.of).to.deep.equal(Object.keys(exportFormats));
  });

  for (const [prefix, base] of [
    ["p", "p"],
    ["p.json", "p"],
    ["p.jsonl", "p"],
    ["p_raw.jsonl", "p"],
    ["p_server_metrics.parquet", "p"],
    ["p_timeslices.csv", "p"],
    ["p_console.txt", "p"],
    ["p.csv.json", "p.csv"],
    ["p.txt", "p.txt"],
    ["/a/b/p.csv", "p"],
    ["a/p", "p"],
    ["C:\\a\\p", "p"],
    [".json", ""],
    ["a/", ""],
  ] as const) {
    it(`take ${JSON.stringify(base)} from the prefix ${JSON.stringify(prefix)}`, () => {
      expect(exportBase(prefix)).to.equal(base);
    });
  }

  it("are the usual ones where nothing is left of a prefix", () => {
    expect(exportFileName("aiperf-csv", ".csv")).to.equal("profile_export_aiperf.csv");
  });

  for (const [prefix, problem] of [
    ["..", "must name a file"],
    [".", "must name a file"],
    ["a/", "must name a file"],
    ["a\u0000b", "control characters"],
    ["x".repeat(201), "at most 200 bytes"],
    ["inputs", "inputs.json is another file of the run"],
    ["somewhere/inputs.jsonl", "inputs.json is another file of the run"],
    ["outputs", "outputs.json is another file of the run"],
    ["run_config", "run_config.json is another file of the run"],
  ] as const) {
    it(`cannot begin with ${JSON.stringify(prefix.slice(0, 30))}`, () => {
      expect(exportPrefixProblem(prefix)).to.include(problem);
    });
  }

  it("may begin with anything else", () => {
    for (const prefix of ["", "p", "ein Präfix", "run", "p.json", "/tmp/p"])
      expect(exportPrefixProblem(prefix)).to.equal(undefined);
  });
});

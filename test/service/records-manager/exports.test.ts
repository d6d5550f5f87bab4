import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { writeAtomically } from "../../../services/records-manager/exports/atomic-file.ts";
import { type ExporterName, exportRun } from "../../../services/records-manager/exports/export-run.ts";
import { cancelled, failed, record, START_NS } from "../../unit/records-manager/records.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder } from "./run-fixture.ts";

/** A warmup request, two streamed answers, a plain one, a refusal and a cancelled one. */
function fixedRun(folder: string): void {
  const phases = [
    { phase: 0, name: "warmup", kind: "warmup", hasCeiling: false },
    { phase: 1, name: "profiling", kind: "profiling", hasCeiling: false },
  ] as const;
  const store = createStore(folder, { phases });
  const phase = 1;
  const tokens = { input_sequence_length: 12, output_sequence_length: 3, output_token_count: 3 };
  insertAll(store, [
    record(1, { metrics: { time_to_first_token: 999, request_latency: 999 } }),
    record(2, {
      phase,
      metrics: { time_to_first_token: 10, time_to_second_token: 10, request_latency: 40, inter_token_latency: 15, ...tokens },
    }),
    record(3, {
      phase,
      contentMs: [12.5, 30],
      metrics: { time_to_first_token: 12.5, request_latency: 30, lateness: 0.25, ...tokens },
    }),
    record(4, {
      phase,
      // Digits that a sum of two doubles of this size would lose.
      sentNs: START_NS + 400_000_007,
      isStreaming: false,
      contentMs: [22],
      endNs: 22e6,
      metrics: { request_latency: 22, ...tokens },
    }),
    failed(5, { phase, metrics: { lateness: 1.5 } }),
    { ...cancelled(6), phase },
  ]);
  store.close();
}

/** One row a file that this project writes as AIPerf does. */
const GOLDEN: readonly [name: ExporterName, file: string][] = [
  ["aiperf-json", "profile_export_aiperf.json"],
  ["aiperf-jsonl", "profile_export.jsonl"],
];

describe("exports", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  for (const [name, file] of GOLDEN) {
    it(`write ${file} to the byte`, () => {
      fixedRun(run.folder);
      const runInfo = { random_seed: 42, cli_command: "assay run --api-key ***" };
      const exported = exportRun({ folder: run.folder, names: [name], runInfo });
      expect(exported).to.deep.equal([{ name, path: join(run.folder, file) }]);
      const golden = readFileSync(join(import.meta.dirname, "golden", file), "utf8");
      expect(readFileSync(join(run.folder, file), "utf8")).to.equal(golden);
    });
  }

  it("leave only whole files, in the folder asked for", () => {
    fixedRun(run.folder);
    const outputFolder = join(run.folder, "files", "of", "mine");
    exportRun({ folder: run.folder, names: ["aiperf-json", "aiperf-jsonl"], outputFolder });
    expect(readdirSync(outputFolder).sort()).to.deep.equal(["profile_export.jsonl", "profile_export_aiperf.json"]);
  });

  it("take the caller's configuration in place of the stored spec", () => {
    fixedRun(run.folder);
    exportRun({ folder: run.folder, names: ["aiperf-json"], inputConfig: { mine: true } });
    const document = JSON.parse(readFileSync(join(run.folder, "profile_export_aiperf.json"), "utf8"));
    expect(document.input_config).to.deep.equal({ mine: true });
  });

  it("of a run without requests have no metrics and no lines", () => {
    createStore(run.folder).close();
    exportRun({ folder: run.folder, names: ["aiperf-json", "aiperf-jsonl"] });
    const document = JSON.parse(readFileSync(join(run.folder, "profile_export_aiperf.json"), "utf8"));
    expect(document).to.include({ benchmark_id: "run-1", was_cancelled: false });
    expect(document).not.to.have.any.keys("request_latency", "start_time", "end_time");
    expect(readFileSync(join(run.folder, "profile_export.jsonl"), "utf8")).to.equal("");
  });

  it("write every line of a run that does not fit in one page", () => {
    const store = createStore(run.folder);
    insertAll(
      store,
      Array.from({ length: 1001 }, (_, id) => record(id)),
    );
    store.close();
    exportRun({ folder: run.folder, names: ["aiperf-jsonl"] });
    const lines = readFileSync(join(run.folder, "profile_export.jsonl"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).metadata.session_num)).to.deep.equal(Array.from({ length: 1001 }, (_, id) => id));
  });

  it("say which file could not be written", () => {
    fixedRun(run.folder);
    const outputFolder = join(run.folder, "run.db", "below");
    expect(() => exportRun({ folder: run.folder, names: ["aiperf-json"], outputFolder })).to.throw(AssayError, outputFolder);
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

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";
import { exportRun } from "../../../services/records-manager/exports/export-run.ts";
import { type ParquetColumn, ParquetFile } from "../../../services/records-manager/exports/parquet-file.ts";
import { record } from "../../unit/records-manager/records.ts";
import { fixedRun } from "./export-fixture.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder } from "./run-fixture.ts";

type Row = Record<string, unknown>;

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

/** Integers as numbers where both sides have them exactly. */
function plain(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

describe("records as Parquet", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  const exported = (): ArrayBuffer => {
    exportRun({ folder: run.folder, names: ["parquet", "aiperf-jsonl"] });
    return bufferOf(readFileSync(join(run.folder, "profile_export.parquet")));
  };
  const columnsOf = (file: ArrayBuffer): string[] =>
    parquetSchema(parquetMetadata(file)).children.map(({ element }) => element.name);

  it("have a row for each line of profile_export.jsonl, which says the same", async () => {
    fixedRun(run.folder);
    const rows: Row[] = await parquetReadObjects({ file: exported() });
    const lines: { metadata: Row; metrics: Record<string, { value: unknown }>; error?: Row }[] = readFileSync(
      join(run.folder, "profile_export.jsonl"),
      "utf8",
    )
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows).to.have.length(lines.length);
    for (const [index, { metadata, metrics, error }] of lines.entries()) {
      const row = rows[index] as Row;
      for (const [key, value] of Object.entries(metadata)) {
        if (!["context_overflow_skip", "profiling_index", "phase_kind"].includes(key))
          expect(plain(row[key]), key).to.equal(value);
      }
      for (const [tag, { value }] of Object.entries(metrics)) expect(plain(row[tag]), tag).to.deep.equal(value);
      const named = Object.keys(metrics);
      const others = Object.keys(lines[1]?.metrics ?? {}).filter((tag) => !named.includes(tag));
      for (const tag of others) expect(row[tag], tag).to.be.oneOf([null, row.inter_chunk_latency]);
      expect(row.error_message).to.equal(error === undefined ? null : error.message);
    }
    // Wall time has more digits than a double keeps.
    expect(rows[3]?.request_start_ns).to.equal(1767225600400000007n);
  });

  it("say which answers are wrong, and that those are not good", async () => {
    const spec = JSON.stringify({ phases: [{ name: "profiling" }], slos: [{ metric: "request_latency", threshold: 100 }] });
    const store = createStore(run.folder, { spec });
    insertAll(store, [
      record(0, { check: { isCorrect: true, reason: "", answer: "" }, rowGroup: "easy" }),
      record(1, { check: { isCorrect: false, reason: "not 4", answer: "5" } }),
      record(2, { check: { isCorrect: undefined, reason: "too long", answer: "" } }),
      record(3),
    ]);
    store.close();
    const rows: Row[] = await parquetReadObjects({ file: exported() });
    const names = ["good_request_count", "is_correct", "check_reason", "answer", "row_group"];
    expect(rows.map((row) => names.map((name) => plain(row[name])))).to.deep.equal([
      [1, true, null, null, "easy"],
      [0, false, "not 4", "5", null],
      [1, null, "too long", null, null],
      [1, null, null, null, null],
    ]);
  });

  it("have types that readers need not guess, and the units of the metrics", () => {
    fixedRun(run.folder);
    const metadata = parquetMetadata(exported());
    const types = new Map(
      metadata.schema.map(({ name, type, converted_type, repetition_type }) => [name, { type, converted_type, repetition_type }]),
    );
    expect(types.get("credit_id")).to.deep.include({ type: "INT64", repetition_type: "REQUIRED" });
    expect(types.get("x_request_id")).to.deep.include({ type: "BYTE_ARRAY", converted_type: "UTF8" });
    expect(types.get("was_cancelled")).to.deep.include({ type: "BOOLEAN" });
    expect(types.get("request_latency")).to.deep.include({ type: "DOUBLE", repetition_type: "OPTIONAL" });
    expect(types.get("output_sequence_length")).to.deep.include({ type: "INT64", repetition_type: "OPTIONAL" });
    expect(types.get("inter_chunk_latency")).to.deep.include({ converted_type: "LIST" });
    const pairs = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value]));
    expect(pairs.get("run_id")).to.equal("run-1");
    expect(JSON.parse(pairs.get("units") ?? "{}")).to.include({ request_latency: "ms", output_sequence_length: "tokens" });
  });

  it("have the same columns where there is no request", async () => {
    const other = temporaryFolder();
    try {
      createStore(run.folder).close();
      const empty = exported();
      expect(await parquetReadObjects({ file: empty })).to.deep.equal([]);
      fixedRun(other.folder);
      exportRun({ folder: other.folder, names: ["parquet"] });
      const full = bufferOf(readFileSync(join(other.folder, "profile_export.parquet")));
      expect(columnsOf(empty)).to.deep.equal(columnsOf(full));
      expect(new Set(columnsOf(full)).size).to.equal(columnsOf(full).length);
    } finally {
      other.remove();
    }
  });
});

describe("a Parquet file", () => {
  const columns: readonly ParquetColumn[] = [
    { name: "id", type: "INT64" },
    { name: "text", type: "STRING", isNullable: true },
    { name: "list", type: "DOUBLES" },
  ];

  it("leaves memory group by group, and is one table of all of them", async () => {
    const pieces: Uint8Array[] = [];
    const file = new ParquetFile((piece) => pieces.push(Uint8Array.from(Buffer.from(piece as Uint8Array))), columns, { a: "b" });
    const written = () => pieces.reduce((sum, { length }) => sum + length, 0);
    let before = written();
    for (const from of [0, 3]) {
      const ids = [from, from + 1, from + 2];
      file.addGroup([ids.map(BigInt), ids.map((id) => (id % 2 === 0 ? `é${id}` : null)), ids.map((id) => [id / 2, id])]);
      expect(written()).to.be.above(before);
      before = written();
    }
    file.finish();
    const bytes = bufferOf(Buffer.concat(pieces));
    expect(parquetMetadata(bytes).row_groups).to.have.length(2);
    expect(await parquetReadObjects({ file: bytes })).to.deep.equal(
      [0, 1, 2, 3, 4, 5].map((id) => ({ id: BigInt(id), text: id % 2 === 0 ? `é${id}` : null, list: [id / 2, id] })),
    );
  });
});

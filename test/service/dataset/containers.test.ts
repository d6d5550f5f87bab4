import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, open, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { parquetWriteBuffer } from "hyparquet-writer";
import { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { FileLoad, type LoadedFile } from "../../../services/dataset/core/file-load.ts";
import { rowAt } from "../../../services/dataset/core/packed-rows.ts";
import { type ReadOptions, readRows } from "../../../services/dataset/reading/read-rows.ts";
import { readerOptions, readerTools } from "../../unit/dataset/core/loading.ts";
import { failureOf } from "../rpc/harness.ts";

describe("reading a dataset's files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-reading-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  interface Changes extends Partial<ReadOptions> {
    readonly isSkipping?: boolean;
    readonly maxConversations?: number;
  }

  async function load(name: string, changes: Changes = {}): Promise<LoadedFile> {
    const { isSkipping = false, maxConversations = Number.POSITIVE_INFINITY, ...options } = changes;
    const path = name === "" ? folder : name.startsWith("/") ? name : join(folder, name);
    // A folder of texts would be a random pool.
    const format = name === "" ? "single_turn" : undefined;
    const loading = new FileLoad({ ...readerOptions, path, format, isSkipping, maxConversations }, readerTools);
    const where = { path, realPath: path, root: folder, maxFileBytes: 1 << 24, maxRowBytes: 1 << 20, wantsAll: true };
    await readRows(loading, { ...where, onProgress: () => {}, tokenCounter: async () => readerTools.countTokens, ...options });
    return loading.end();
  }

  const write = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(folder, name), content);

  function textsOf({ turns }: LoadedFile): string[] {
    return Array.from({ length: turns.size }, (_, row) => fromBinary(TurnSchema, rowAt(turns, row)).messages[0]?.content ?? "");
  }

  const texts = ["one", "zwei, 2", "drei\n3"];
  const lines = texts.map((text) => `${JSON.stringify({ text, output_length: 7 })}\n`).join("");
  const array = JSON.stringify(texts.map((text) => ({ text, output_length: 7 })));
  const pretty = JSON.stringify(
    texts.map((text) => ({ text, output_length: 7 })),
    null,
    2,
  );
  const csv = `text,output_length\r\n${texts.map((text) => `"${text}",7\r\n`).join("")}`;
  const parquet = (codec: "SNAPPY" | "UNCOMPRESSED" = "SNAPPY"): Uint8Array =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: "text", data: texts },
          { name: "output_length", data: [7n, 7n, 7n] },
        ],
        rowGroupSize: 2,
        codec,
      }),
    );

  const forms: readonly (readonly [name: string, content: string | Uint8Array, container: string])[] = [
    ["p.jsonl", lines, "jsonl"],
    ["p.json", lines, "jsonl"],
    ["p.json", array, "json"],
    ["p", pretty, "json"],
    ["p.jsonl", pretty, "json"],
    ["p.json", `\ufeff${pretty.replaceAll("\n", "\r\n")}`, "json"],
    ["p.csv", csv, "csv"],
    ["p", csv, "csv"],
    ["p.parquet", parquet(), "parquet"],
    ["p", parquet("UNCOMPRESSED"), "parquet"],
  ];
  for (const [name, content, container] of forms) {
    const bytes = Buffer.from(content as string);
    const packed: readonly (readonly [how: string, name: string, content: Uint8Array])[] = [
      ["", name, bytes],
      [" in gzip", `${name}.gz`, gzipSync(bytes)],
      [" in zstd", `${name}.zst`, zstdCompressSync(bytes)],
      [" in gzip that its name does not tell", name, gzipSync(bytes)],
    ];
    for (const [how, packedName, packedContent] of packed) {
      it(`gives the rows of ${container} in ${name}, ${bytes.length} bytes${how}`, async () => {
        await write(packedName, packedContent);
        const loaded = await load(packedName);
        expect(textsOf(loaded)).to.deep.equal(texts);
        expect(loaded).to.deep.include({ containers: [container], files: 1, format: "single_turn" });
        expect(loaded.outputTokens).to.deep.equal({ sum: 21, count: 3 });
        expect(loaded.formatReason).to.equal("its first row has text, output_length");
      });
    }
  }

  it("reads all frames of zstd and all members of gzip, also frames for others", async () => {
    const [one = "", ...rest] = lines.match(/.*\n/g) ?? [];
    const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const parts = [Buffer.from(one), Buffer.from(rest.join(""))];
    await write("z.jsonl", Buffer.concat([skippable, ...parts.map((part) => zstdCompressSync(part)), skippable]));
    await write("g.jsonl", Buffer.concat(parts.map((part) => gzipSync(part))));
    for (const name of ["z.jsonl", "g.jsonl"]) expect(textsOf(await load(name)), name).to.deep.equal(texts);
  });

  const long = Array.from({ length: 20_000 }, (_, n) => `{"text":"prompt ${(n * 7919) % 10_007}"}\n`).join("");
  const damaged: readonly (readonly [what: string, content: () => Uint8Array])[] = [
    ["cut gzip", () => gzipSync(long).subarray(0, -9)],
    ["damaged gzip", () => flipped(gzipSync(long))],
    ["gzip with something behind it", () => Buffer.concat([gzipSync(long), Buffer.from("something")])],
    ["cut zstd", () => zstdCompressSync(long).subarray(0, -9)],
    ["zstd with something behind it", () => Buffer.concat([zstdCompressSync(long), Buffer.from("something")])],
    ["gzip that is only begun", () => Buffer.from([0x1f, 0x8b, 8, 0])],
  ];
  for (const [what, content] of damaged) {
    it(`refuses ${what}, naming the file`, async () => {
      await write("p.jsonl", content());
      for (const isSkipping of [false, true]) {
        const error = await failureOf(load("p.jsonl", { isSkipping }));
        expect(error.message).to.match(/^\/.*p\.jsonl: cannot be read: its (gzip|zstd) data is cut or damaged: /);
        expect(error).to.include({ code: "invalid_argument" });
      }
    });
  }

  for (const compress of [gzipSync, zstdCompressSync]) {
    for (const name of ["bomb.jsonl", "bomb.parquet"]) {
      it(`reads no more of ${name} in ${compress === gzipSync ? "gzip" : "zstd"} than may be, uncompressed`, async () => {
        const bytes = Buffer.alloc(1 << 26, "\n");
        if (name.endsWith("parquet")) bytes.write("PAR1");
        await write(name, compress(bytes));
        const before = process.memoryUsage().rss;
        const error = await failureOf(load(name));
        expect(error).to.include({ code: "resource_exhausted" });
        expect(error.message).to.contain(`${name}: has more than ${1 << 24} bytes (--max-dataset-bytes)`);
        expect(process.memoryUsage().rss - before).to.be.lessThan(1 << 27);
      });
    }
  }

  it("leaves no file behind of what it uncompressed", async () => {
    const temporary = join(folder, "temporary");
    await mkdir(temporary);
    const { TMPDIR = tmpdir() } = process.env;
    process.env.TMPDIR = temporary;
    try {
      await write("p.parquet.gz", gzipSync(parquet()));
      await load("p.parquet.gz");
      await write("p.parquet.gz", gzipSync(Buffer.concat([parquet(), Buffer.from("x")])));
      await failureOf(load("p.parquet.gz"));
    } finally {
      process.env.TMPDIR = TMPDIR;
    }
    expect(await readdir(temporary)).to.deep.equal([]);
  });

  it("names the row of a Parquet file in which something is wrong, and a file that is none", async () => {
    const columnData = [{ name: "text", data: ["a", "", "c"] }];
    await write("p.parquet", new Uint8Array(parquetWriteBuffer({ columnData })));
    expect((await failureOf(load("p.parquet"))).message).to.match(/p\.parquet, row 2: expected a text that is not empty/);
    expect((await load("p.parquet", { isSkipping: true })).firstSkipped.join()).to.match(/^row 2: expected a text/);
    await write("p.parquet", "PAR1 and something else");
    expect((await failureOf(load("p.parquet"))).message).to.contain("p.parquet: cannot be read as a Parquet file: ");
    await write("p.parquet", Buffer.concat([parquet().subarray(0, 30), Buffer.alloc(20), parquet().subarray(50)]));
    expect((await failureOf(load("p.parquet"))).code).to.equal("invalid_argument");
  });

  it("says what a file was read as where its first row is no row", async () => {
    await write("p.jsonl", "hello\n");
    expect((await failureOf(load("p.jsonl"))).message).to.contain(
      'line 1, column 1: expected a JSON object, got "h" (read as JSON lines, by its name)',
    );
    await write("p.csv", "a;b\n1;2\n");
    expect((await failureOf(load("p.csv"))).message).to.contain('between its fields, got ";" (read as CSV, by its name)');
  });

  describe("in a folder", () => {
    it("takes those of folders within it where it holds none itself", async () => {
      await mkdir(join(folder, "2026/01/02"), { recursive: true });
      await mkdir(join(folder, "2026/01/01"), { recursive: true });
      await write("2026/01/02/b.jsonl", '{"text":"b"}\n');
      await write("2026/01/01/a.jsonl", '{"text":"a"}\n{"text":7}\n');
      expect(await failureOf(load(""))).to.have.property(
        "message",
        `${folder}, 2026/01/01/a.jsonl, line 2, column 2: text: expected a text, got 7`,
      );
      expect(textsOf(await load("", { isSkipping: true }))).to.deep.equal(["a", "b"]);
      await write("c.jsonl", '{"text":"c"}\n');
      const loaded = await load("");
      expect([textsOf(loaded), loaded.leftOut]).to.deep.equal([["c"], ["1 folder"]]);
    });

    it("takes them in the order of their names' bytes, whatever they are, and says what it leaves out", async () => {
      await write("b.csv", "text\nb\n");
      await write("B.jsonl", '{"text":"B"}\n');
      await write("ä.jsonl", '{"text":"ä"}\n');
      await write("a.json.gz", gzipSync('[{"text":"a"}]'));
      await write("empty.jsonl", "");
      await write(".hidden.jsonl", "x");
      await write("README.md", "x");
      await mkdir(join(folder, "sub.jsonl"));
      const loaded = await load("");
      expect(textsOf(loaded)).to.deep.equal(["B", "a", "b", "ä"]);
      expect(loaded.leftOut).to.deep.equal(["1 hidden file", "1 folder", "1 other file (README.md)"]);
      expect(loaded).to.deep.include({ files: 5, containers: ["jsonl", "json", "csv"] });
    });

    it("names the file in which something is wrong", async () => {
      await write("a.jsonl", '{"text":"a"}\n');
      await write("b.jsonl", '{"text":"b"}\n{"text"\n');
      expect((await failureOf(load(""))).message).to.equal(
        `${folder}, b.jsonl, line 2, column 8: expected a colon, got the end of the line`,
      );
      await write("a.jsonl", "PK\u0003\u0004");
      expect((await failureOf(load(""))).message).to.match(/, a\.jsonl: it is a ZIP archive/);
      await write("a.jsonl", '{"text":"a"}\n');
      const { firstSkipped } = await load("", { isSkipping: true });
      expect(firstSkipped).to.deep.equal(["b.jsonl, line 2, column 8: expected a colon, got the end of the line"]);
    });

    it("reads no link that leads out of the folder that may be read, nor a pipe", async () => {
      await write("a.jsonl", '{"text":"a"}\n');
      await symlink("/etc/hostname", join(folder, "out.jsonl"));
      await symlink(join(folder, "gone"), join(folder, "gone.jsonl"));
      await symlink(join(folder, "a.jsonl"), join(folder, "b.jsonl"));
      execFileSync("mkfifo", [join(folder, "pipe.jsonl")]);
      const loaded = await load("");
      expect(textsOf(loaded)).to.deep.equal(["a", "a"]);
      expect(loaded.leftOut).to.deep.equal(["3 other files (gone.jsonl, out.jsonl, pipe.jsonl)"]);
    });

    it("is refused where none of its files can be used", async () => {
      await write("README.md", "x");
      const error = await failureOf(load(""));
      expect(error.message).to.match(/holds no file that ends with \.jsonl, .*, but 1 other file \(README\.md\)$/);
      expect(error.violations.map(({ field }) => field)).to.deep.equal(["dataset.file.path"]);
    });

    it("takes ten thousand files", async () => {
      const names = Array.from({ length: 10_000 }, (_, n) => `${n}.jsonl`);
      for (const name of names) await write(name, `{"text":"${name}"}\n`);
      expect((await load("")).files).to.equal(10_000);
    });

    it("counts the bytes of all files together", async () => {
      for (const name of ["a.jsonl", "b.jsonl", "c.jsonl"]) await write(name, `{"text":"${"x".repeat(500)}"}\n`);
      expect((await failureOf(load("", { maxFileBytes: 1200 }))).code).to.equal("resource_exhausted");
      expect((await load("", { maxFileBytes: 1200, maxConversations: 2, wantsAll: false })).files).to.equal(2);
    });
  });

  it("refuses a file larger than may be read before it reads it, unless its first rows are all that is wanted", async () => {
    const file = await open(join(folder, "huge.jsonl"), "w");
    await file.write('{"text":"a"}\n');
    await file.truncate(10 * 2 ** 30);
    await file.close();
    expect((await failureOf(load("huge.jsonl"))).message).to.contain(`has more than ${1 << 24} bytes`);
    expect(textsOf(await load("huge.jsonl", { wantsAll: false, maxConversations: 1 }))).to.deep.equal(["a"]);
    const error = await failureOf(load("huge.jsonl", { maxFileBytes: 2 ** 40 }));
    expect(error.message).to.match(/huge\.jsonl, line 2, column 1: a line has 1048576 bytes at most/);
  });

  it("refuses what is no file, and a file that may not be read", async () => {
    expect((await failureOf(load("/dev/zero", { root: "/" }))).message).to.equal("/dev/zero: is no file");
    await write("p.jsonl", lines);
    await chmod(join(folder, "p.jsonl"), 0);
    if (process.getuid?.() !== 0) expect((await failureOf(load("p.jsonl"))).code).to.equal("permission_denied");
    expect((await failureOf(load("gone.jsonl"))).code).to.equal("not_found");
  });
});

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  // Within the sum that is at the end.
  copy[copy.length - 6] = (copy.at(-6) ?? 0) ^ 0xff;
  return copy;
}

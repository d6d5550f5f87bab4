import { expect } from "chai";
import { containerKind, containerOfName } from "../../../../../services/dataset/core/containers/kind.ts";

function shown(name: string, head: string | Uint8Array): string {
  const kind = containerKind(name, Buffer.from(head as string));
  return "refusal" in kind ? kind.refusal : `${kind.name} as ${kind.form} by ${kind.by}`;
}

describe("the container of a file", () => {
  const rows: readonly (readonly [name: string, head: string | Uint8Array, kind: string])[] = [
    ["p.jsonl", '{"a":1}\n{"a":2}\n', "jsonl as lines by its name"],
    ["p.jsonl", '[{"a":1}]', "json as values by its first bytes"],
    ["p.jsonl", "hello", "jsonl as lines by its name"],
    ["p.jsonl", "", "jsonl as lines by its name"],
    ["p.json", '{"a":1}\n{"a":2}\n', "jsonl as lines by its first lines"],
    ["p.json", '{"a":1}\n', "json as values by its name"],
    ["p.json", '{\n "a":1}\n', "json as values by its name"],
    ["p.json", "\ufeff [", "json as values by its first bytes"],
    ["p.json", "x", "json as values by its name"],
    ["p.txt", '{"a":1}\n{"a":2}\n', "jsonl as lines by its first bytes"],
    ["p.txt", '{"a":1\n{"a":2}\n', "jsonl as lines by its first bytes"],
    ["p", '{\r\n  "a": 1}', "json as values by its first lines"],
    ["p", '{"data": [\n 1]}', "json as values by its first lines"],
    ["p.csv", "a,b\n", "csv as csv by its name"],
    ["p.CSV.gz", "a\n", "csv as csv by its name"],
    ["p.csv", '{"a":1}\n', "jsonl as lines by its first bytes"],
    ["p", "Timestamp,Model\n", "csv as csv by its first bytes"],
    ["p", '"a b",c\n', "csv as csv by its first bytes"],
    ["p", "hello world", "jsonl as lines by having neither a name nor a beginning that says otherwise"],
    ["p.jsonl", "PAR1\u0015", "parquet as parquet by its first bytes"],
    ["p.parquet", "a,b", "expected a Parquet file, as its name says, but it does not begin as one"],
    ["p.jsonl", Buffer.from('\ufeff{"a":1}', "utf16le"), "expected UTF-8, got UTF-16"],
    ["p.jsonl", Buffer.from('{"a":1}', "utf16le"), "expected UTF-8, got UTF-16"],
    ["p.jsonl", Buffer.alloc(100), "expected text or a Parquet file, got a byte of zero"],
    ["p.jsonl", Buffer.from([0, 1, 2, 3]), "expected text or a Parquet file, got a byte of zero"],
    [
      "p.png",
      Buffer.from("\u0089PNG\r\n", "latin1"),
      "it is a picture (PNG); the file of a dataset names those that are to be sent",
    ],
    [
      "p.jpg",
      Buffer.from([0xff, 0xd8, 0xff, 0xe0]),
      "it is a picture (JPEG); the file of a dataset names those that are to be sent",
    ],
    ["p.pdf", "%PDF-1.7\n", "it is a PDF; JSON lines, JSON, CSV and Parquet are read"],
    ["run.db", "SQLite format 3\u0000", "it is an SQLite database; one of a run is replayed by --replay"],
    ["p.zip", Buffer.from("PK\u0003\u0004"), "it is a ZIP archive; of what is compressed gzip and zstd are read"],
    ["p.xz", Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), "it is compressed by xz; gzip and zstd are read"],
    ["p.gz", Buffer.from([0x1f, 0x8b, 8]), "it is compressed twice"],
  ];
  for (const [name, head, kind] of rows) {
    it(`of ${name} that begins with ${JSON.stringify(head.toString().slice(0, 12))}: ${kind}`, () => {
      expect(shown(name, head)).to.equal(kind);
    });
  }

  it("is told by a name where that has an ending that is known", () => {
    const names = ["a.jsonl.gz", "a.ndjson.zst", "a.JSON", "a.b.tsv", "a.pq", "a.gz", "a", ".jsonl", "a.txt", "a.constructor"];
    const known = ["jsonl", "jsonl", "json", "csv", "parquet", undefined, undefined, "jsonl", undefined, undefined];
    expect(names.map(containerOfName)).to.deep.equal(known);
  });
});

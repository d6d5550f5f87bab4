/** What a file is written as, from its first bytes and its name. Pure. */
import type { ContainerName } from "../formats/format.ts";

/** How a file is read, and what that was seen by. */
export interface ContainerKind {
  readonly name: ContainerName;
  /** `lines`: a value a line; `values`: one document, several, or an array; the others as the name says. */
  readonly form: "lines" | "values" | "csv" | "parquet";
  /** For people: `its name`, `its first bytes`. */
  readonly by: string;
}

/** Bytes of a file's beginning that are enough to tell. */
export const headBytes = 64 * 1024;

/** What `kind` is called in messages. */
export const shownContainers: Readonly<Record<ContainerName, string>> = {
  jsonl: "JSON lines",
  json: "JSON",
  csv: "CSV",
  parquet: "Parquet",
};

const endings: Readonly<Record<string, ContainerName>> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
  har: "json",
  csv: "csv",
  tsv: "csv",
  parquet: "parquet",
  pq: "parquet",
};

/** Beginnings of files that are known and not read. */
const strangers: readonly (readonly [beginning: readonly number[], what: string])[] = [
  [[0xff, 0xfe], "expected UTF-8, got UTF-16"],
  [[0xfe, 0xff], "expected UTF-8, got UTF-16"],
  [[0x1f, 0x8b], "it is compressed twice"],
  [[0x28, 0xb5, 0x2f, 0xfd], "it is compressed twice"],
  [[0x50, 0x4b, 0x03, 0x04], "it is a ZIP archive; of what is compressed gzip and zstd are read"],
  [[0x42, 0x5a, 0x68], "it is compressed by bzip2; gzip and zstd are read"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "it is compressed by xz; gzip and zstd are read"],
  [[0x04, 0x22, 0x4d, 0x18], "it is compressed by lz4; gzip and zstd are read"],
  [[0x41, 0x52, 0x52, 0x4f, 0x57, 0x31], "it is an Arrow file; Parquet is read"],
  [[0x89, 0x50, 0x4e, 0x47], "it is a picture (PNG); the file of a dataset names those that are to be sent"],
  [[0xff, 0xd8, 0xff], "it is a picture (JPEG); the file of a dataset names those that are to be sent"],
  [[0x25, 0x50, 0x44, 0x46, 0x2d], "it is a PDF; JSON lines, JSON, CSV and Parquet are read"],
  [[0x53, 0x51, 0x4c, 0x69, 0x74, 0x65, 0x20, 0x66], "it is an SQLite database; one of a run is replayed by --replay"],
];

/** The container that a name alone tells, an ending of compression aside; undefined: none. */
export function containerOfName(name: string): ContainerName | undefined {
  const [, ending = ""] = /\.([a-z]+)$/.exec(name.toLowerCase().replace(/\.(?:gz|zst|zstd)$/, "")) ?? [];
  return Object.hasOwn(endings, ending) ? endings[ending] : undefined;
}

/**
 * The first bytes say, where they do; the name where they do not.
 *
 * @param name of the file, without folders; empty: it has none
 * @param head its beginning, uncompressed: `headBytes` of it or all
 */
export function containerKind(name: string, head: Uint8Array): ContainerKind | { readonly refusal: string } {
  const named = containerOfName(name);
  const stranger = strangers.find(([beginning]) => beginning.every((byte, index) => head[index] === byte));
  if (stranger !== undefined) return { refusal: stranger[1] };
  const byBytes = { by: "its first bytes" } as const;
  const byName = { by: "its name" } as const;
  const text = decoder.decode(head);
  if (text.startsWith("PAR1")) return { name: "parquet", form: "parquet", ...byBytes };
  if (head.subarray(0, 4).includes(0)) {
    // Every other byte of a Latin text in UTF-16 is zero.
    const isZero = Array.from(head.subarray(0, 4), (byte) => byte === 0);
    const isUtf16 = isZero[0] !== isZero[1] && isZero[0] === isZero[2] && isZero[1] === isZero[3];
    return { refusal: isUtf16 ? "expected UTF-8, got UTF-16" : "expected text or a Parquet file, got a byte of zero" };
  }
  if (named === "parquet") return { refusal: "expected a Parquet file, as its name says, but it does not begin as one" };
  const first = text.trimStart();
  if (first.startsWith("[")) return { name: "json", form: "values", ...byBytes };
  if (first.startsWith("{")) return ofObject(first, named);
  if (named === "csv") return { name: "csv", form: "csv", ...byName };
  if (named !== undefined) return { name: named, form: named === "json" ? "values" : "lines", ...byName };
  const [line = ""] = first.split("\n", 1);
  if (/^"?[A-Za-z_][^{}[\]]*[,;\t]/.test(line)) return { name: "csv", form: "csv", ...byBytes };
  return { name: "jsonl", form: "lines", by: "having neither a name nor a beginning that says otherwise" };
}

const decoder = new TextDecoder();

/** JSON lines, or a document that spans lines. */
function ofObject(text: string, named: ContainerName | undefined): ContainerKind {
  if (named === "jsonl") return { name: "jsonl", form: "lines", by: "its name" };
  const end = text.indexOf("\n");
  const line = (end < 0 ? text : text.slice(0, end)).trimEnd();
  const hasMore = end >= 0 && text.slice(end).trim() !== "";
  // An object that goes on in the next line breaks off where one may be broken.
  const goesOn = line === "{" || /[{[,:]$/.test(line);
  if (named === "json") {
    return hasMore && line.endsWith("}")
      ? { name: "jsonl", form: "lines", by: "its first lines" }
      : { name: "json", form: "values", by: "its name" };
  }
  return hasMore && goesOn
    ? { name: "json", form: "values", by: "its first lines" }
    : { name: "jsonl", form: "lines", by: "its first bytes" };
}

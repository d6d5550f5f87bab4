/** Values of Parquet as JSON has them. Pure. */
import { base64Of } from "../base64.ts";

/**
 * Whole numbers of 64 bits are numbers where those are exact and texts of digits otherwise, moments are texts (ISO 8601, UTC). Bytes are
 * texts where they are UTF-8, since writers that do not mark their texts are many, and else texts in base64; the `bytes` of a struct,
 * which are a file's, always are base64. Null, and numbers that JSON cannot write, are nothing (undefined).
 */
export function jsonOfParquet(value: unknown): unknown {
  switch (typeof value) {
    case "bigint":
      return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "number":
      return Number.isFinite(value) ? value : undefined;
    case "object":
      return value === null ? undefined : jsonOfObject(value);
    default:
      return value;
  }
}

function jsonOfObject(value: object): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
  if (value instanceof Uint8Array) return textOf(value) ?? base64Of(value);
  // Of a list the gaps stay, so that what follows keeps its place.
  if (Array.isArray(value)) return value.map((item) => jsonOfParquet(item) ?? null);
  if (ArrayBuffer.isView(value))
    return Array.from(value as unknown as ArrayLike<number | bigint>, (item) => jsonOfParquet(item) ?? null);
  const entries = Object.entries(value).map(([name, inner]) => {
    return [name, name === "bytes" && inner instanceof Uint8Array ? base64Of(inner) : jsonOfParquet(inner)] as const;
  });
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined: they are no UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // That they are none is an answer here.
    return undefined;
  }
}

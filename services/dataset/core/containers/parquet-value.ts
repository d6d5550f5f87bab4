/** Values of Parquet as JSON has them. Pure. */

/**
 * Whole numbers of 64 bits are numbers where those are exact and texts of digits otherwise, moments are texts (ISO 8601, UTC), bytes
 * texts in base64; null, and numbers that JSON cannot write, are nothing (undefined).
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
  if (value instanceof Uint8Array) return base64Of(value);
  // Of a list the gaps stay, so that what follows keeps its place.
  if (Array.isArray(value)) return value.map((item) => jsonOfParquet(item) ?? null);
  if (ArrayBuffer.isView(value))
    return Array.from(value as unknown as ArrayLike<number | bigint>, (item) => jsonOfParquet(item) ?? null);
  const entries = Object.entries(value).map(([name, inner]) => [name, jsonOfParquet(inner)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}

function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

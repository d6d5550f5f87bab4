/** What a log line looks like: as JSON for programs, in columns for people. Secrets are masked here, in whatever they hide. */
import { styleText } from "node:util";
import type { LogFields } from "./logger.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** A line before it is text. */
export interface LogEntry {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Longer texts are cut: a log is no place for payloads. */
const longestText = 8192;
/** A shorter secret would mask half of every line. */
const shortestSecret = 4;

/** Replaces registered values wherever they stand. */
export class Secrets {
  /** Each as it stands in text and as it stands inside a JSON string, longest first: one may contain another. */
  #spellings: readonly string[] = [];

  /** From now on `value` is masked. Values of fewer than four characters are not. */
  add(value: string): void {
    if (value.length < shortestSecret) return;
    const spellings = new Set([...this.#spellings, value, JSON.stringify(value).slice(1, -1)]);
    this.#spellings = [...spellings].sort((a, b) => b.length - a.length);
  }

  mask(text: string): string {
    return this.#spellings.reduce((masked, spelling) => masked.replaceAll(spelling, "***"), text);
  }

  /** The same bytes, or where they hold a secret a copy with as many asterisks in its place: what counts bytes goes on to be right. */
  maskBytes(bytes: Uint8Array): Uint8Array {
    let masked: Buffer | undefined;
    for (const spelling of this.#spellings) {
      const wanted = Buffer.from(spelling);
      let text = masked ?? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
        masked ??= Buffer.from(bytes);
        text = masked.fill("*", at, at + wanted.length);
      }
    }
    return masked ?? bytes;
  }
}

/** One JSON object: `time`, `level`, `message`, then the fields; a field of one of these names does not replace them. */
export function jsonLine(entry: LogEntry, secrets: Secrets): string {
  const { time, level, message, fields } = entry;
  return secrets.mask(safeJson({ time, level, message, ...withoutReserved(fields) }));
}

/** `12:34:56.789 warn  timing  message  key=value …`; a stack stands below, as it is. */
export function humanLine(entry: LogEntry, secrets: Secrets, hasColor: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    hasColor ? styleText(style, text, { validateStream: false }) : text;
  const { service, ...rest } = withoutReserved(entry.fields);
  const stacks: string[] = [];
  const pairs = Object.entries(rest).map(([key, value]) => {
    if (value instanceof Error && value.stack !== undefined && entry.level === "error") stacks.push(value.stack);
    return `${key}=${shortValue(key, value)}`;
  });
  const columns = [
    paint("dim", entry.time.slice(11, 23)),
    paint(levelStyles[entry.level], entry.level.padEnd(5)),
    ...(service === undefined ? [] : [String(service)]),
    cut(entry.message),
    ...(pairs.length === 0 ? [] : [paint("dim", pairs.join(" "))]),
  ];
  return secrets.mask([columns.join("  "), ...stacks].join("\n"));
}

const levelStyles = { debug: "gray", info: "cyan", warn: "yellow", error: "red" } as const;

function withoutReserved(fields: LogFields): Record<string, unknown> {
  const { time: _time, level: _level, message: _message, ...rest } = fields;
  return rest;
}

function shortValue(key: string, value: unknown): string {
  const plain = printable(key, value);
  if (plain instanceof Object && "message" in plain && value instanceof Error) return JSON.stringify(value.message);
  if (typeof plain === "string" && /^[^\s"=]+$/.test(plain)) return plain;
  return safeJson(plain);
}

/** JSON of anything at all: a log call must not throw. */
function safeJson(value: unknown): string {
  try {
    // `this` holds the value before toJSON, which would spell a Buffer out byte by byte.
    return (
      JSON.stringify(value, function (this: Record<string, unknown>, key) {
        return printable(key, this[key]);
      }) ?? "undefined"
    );
  } catch (error) {
    // A cycle, or a getter or toJSON that throws.
    const plain = Object.entries(Object(value)).filter(([, inner]) => !(inner instanceof Object));
    const [reason] = String(error).split("\n");
    return JSON.stringify({ ...Object.fromEntries(plain), log_error: `fields cannot be written: ${reason}` }, printable);
  }
}

function printable(key: string, value: unknown): unknown {
  if (isSecretName(key) && value !== undefined && value !== null && value !== "") return "***";
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") return cut(value);
  if (value instanceof Error) return errorParts(value);
  if (value instanceof Date) return value.toJSON();
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  return value;
}

function errorParts(error: Error): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const code = "code" in error ? error.code : undefined;
  return { name, code, message, stack, ...(cause === undefined ? {} : { cause }) };
}

function cut(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}… (${text.length} characters)`;
}

/** Whether a field's name says that its value is a secret, in camelCase, snake_case or a header's spelling. */
function isSecretName(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
  return /(^|[_-])(authorization|api[_-]?key|access[_-]?key|private[_-]?key|token|secret|password|passwd|cookie|credentials?)$/.test(
    words,
  );
}

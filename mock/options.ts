/**
 * The options of the built-in server: one table of rows serves the defaults, the checks, argv and `--help`.
 * Given → `withDefaults` → complete and checked.
 */
import { AssayError } from "../services/common/errors.ts";

/** When a streamed answer ends with a usage chunk: always, when `stream_options.include_usage` asks for it, or never. */
export type UsageMode = "always" | "asked" | "never";

export interface MockOptions {
  /** 0 = any free port. */
  readonly port: number;
  readonly host: string;
  /** From the arrival of the whole request to its first content chunk. */
  readonly ttftMs: number;
  /** Between the due times of two content chunks; 0 = as fast as the sockets take them. */
  readonly itlMs: number;
  /** Tokens of an answer whose request asks for no length. */
  readonly osl: number;
  /** What `/v1/models` lists. */
  readonly models: readonly string[];
  /** Refuse models that are not listed (404); otherwise any name is served. */
  readonly strictModel: boolean;
  /** Write the send stamp `assay_sent_ns` into every chunk and answer. */
  readonly stamps: boolean;
  readonly usage: UsageMode;
  /** Put all chunks of a stream that are due together into as few writes as needed. */
  readonly coalesce: boolean;
  /** Spin near due times instead of trusting timers; takes a whole core. */
  readonly precise: boolean;
  /** 0…1: the part of TTFT and ITL that varies, uniformly and reproducibly. */
  readonly jitter: number;
  readonly seed: number;
  /** A port of its own for the DCGM page at `/metrics`; 0 = any free port, null = none. */
  readonly dcgmPort: number | null;
  readonly gpus: number;
  /** The shortest time between two readings of the GPUs; in between the page repeats, as the exporter's does. */
  readonly dcgmIntervalMs: number;
  readonly maxBodyBytes: number;
  /** The command ends when its standard input does: for who starts it as a process of its own. */
  readonly endsWithInput: boolean;
}

export const defaultOptions: MockOptions = {
  port: 0,
  host: "127.0.0.1",
  ttftMs: 0,
  itlMs: 0,
  osl: 64,
  models: ["mock"],
  strictModel: false,
  stamps: false,
  usage: "asked",
  coalesce: false,
  precise: false,
  jitter: 0,
  seed: 0,
  dcgmPort: null,
  gpus: 2,
  dcgmIntervalMs: 100,
  maxBodyBytes: 64 * 1024 * 1024,
  endsWithInput: false,
};

/** The longest answer that may be asked for, in tokens. */
export const maxTokensOfAnswer = 1_000_000;

type Kind =
  | { readonly is: "switch" }
  | { readonly is: "text" }
  | { readonly is: "names" }
  | { readonly is: "choice"; readonly of: readonly string[] }
  | { readonly is: "integer" | "number"; readonly min: number; readonly max: number };

export interface OptionRow {
  readonly flag: string;
  readonly key: keyof MockOptions;
  readonly kind: Kind;
  /** What stands for the value in `--help`. */
  readonly value?: string;
  readonly doc: string;
}

const port: Kind = { is: "integer", min: 0, max: 65_535 };
const milliseconds: Kind = { is: "number", min: 0, max: 86_400_000 };

export const optionTable: readonly OptionRow[] = [
  { flag: "--port", key: "port", kind: port, value: "N", doc: "port to listen on, 0 = any free one" },
  { flag: "--host", key: "host", kind: { is: "text" }, value: "ADDRESS", doc: "address to listen on" },
  { flag: "--ttft", key: "ttftMs", kind: milliseconds, value: "MS", doc: "time to the first content chunk" },
  { flag: "--itl", key: "itlMs", kind: milliseconds, value: "MS", doc: "time between content chunks, 0 = no delay" },
  {
    flag: "--osl",
    key: "osl",
    kind: { is: "integer", min: 1, max: maxTokensOfAnswer },
    value: "N",
    doc: "tokens of an answer when the request asks for no length",
  },
  { flag: "--model", key: "models", kind: { is: "names" }, value: "NAME", doc: "model to list; repeatable, or comma-separated" },
  { flag: "--strict-model", key: "strictModel", kind: { is: "switch" }, doc: "answer 404 to models that are not listed" },
  {
    flag: "--stamps",
    key: "stamps",
    kind: { is: "switch" },
    doc: "send stamps (CLOCK_MONOTONIC) as assay_sent_ns in every chunk",
  },
  {
    flag: "--usage",
    key: "usage",
    kind: { is: "choice", of: ["always", "asked", "never"] },
    value: "MODE",
    doc: "usage chunk of a stream: always, asked or never",
  },
  { flag: "--coalesce", key: "coalesce", kind: { is: "switch" }, doc: "chunks due together leave in as few writes as needed" },
  { flag: "--precise", key: "precise", kind: { is: "switch" }, doc: "spin near due times; takes a whole core" },
  {
    flag: "--jitter",
    key: "jitter",
    kind: { is: "number", min: 0, max: 1 },
    value: "PART",
    doc: "part of TTFT and ITL that varies, 0 to 1",
  },
  { flag: "--seed", key: "seed", kind: { is: "integer", min: 0, max: 0xffff_ffff }, value: "N", doc: "seed of the jitter" },
  { flag: "--dcgm-port", key: "dcgmPort", kind: port, value: "N", doc: "serve the DCGM page on this port too, at /metrics" },
  { flag: "--gpus", key: "gpus", kind: { is: "integer", min: 0, max: 64 }, value: "N", doc: "GPUs of the DCGM page" },
  {
    flag: "--dcgm-interval",
    key: "dcgmIntervalMs",
    kind: milliseconds,
    value: "MS",
    doc: "shortest time between two readings of the GPUs",
  },
  {
    flag: "--max-body",
    key: "maxBodyBytes",
    kind: { is: "integer", min: 1, max: 1024 * 1024 * 1024 },
    value: "BYTES",
    doc: "largest request body, 413 beyond",
  },
  { flag: "--end-with-input", key: "endsWithInput", kind: { is: "switch" }, doc: "end when standard input ends, as well" },
];

/** Completes given options with the defaults. Throws `invalid_argument` naming every value that is not allowed. */
export function withDefaults(given: Partial<MockOptions>): MockOptions {
  const options: MockOptions = { ...defaultOptions, ...given };
  const problems = problemsOf(options);
  if (problems.length > 0) throw new AssayError("invalid_argument", problems.join("; "));
  return options;
}

/** What a command line asks for. With problems, `options` holds the rest and must not be used. */
export interface ParsedArguments {
  readonly options: MockOptions;
  readonly wantsHelp: boolean;
  readonly problems: readonly string[];
}

/** Reads `--flag value`, `--flag=value` and switches. Reports all problems, not the first. */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  const values: Record<string, unknown> = { ...defaultOptions };
  const problems: string[] = [];
  const models: string[] = [];
  let wantsHelp = false;
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    const equals = argument.startsWith("--") ? argument.indexOf("=") : -1;
    const flag = equals < 0 ? argument : argument.slice(0, equals);
    if (flag === "--help" || flag === "-h") {
      wantsHelp = true;
      continue;
    }
    const row = optionTable.find((candidate) => candidate.flag === flag);
    if (row === undefined) {
      problems.push(`unknown option ${argument}`);
      continue;
    }
    if (row.kind.is === "switch") {
      if (equals >= 0) problems.push(`${flag} takes no value, got ${argument.slice(equals + 1)}`);
      values[row.key] = true;
      continue;
    }
    const text = equals < 0 ? argv[++i] : argument.slice(equals + 1);
    if (text === undefined) problems.push(`${flag} needs a value`);
    else if (row.kind.is === "names") models.push(...text.split(",").filter((name) => name !== ""));
    else values[row.key] = row.kind.is === "integer" || row.kind.is === "number" ? numberOf(text) : text;
  }
  if (models.length > 0) values.models = models;
  const options = values as unknown as MockOptions; // problemsOf checks every value against its row
  return { options, wantsHelp, problems: [...problems, ...problemsOf(options)] };
}

/** The text of `--help`. */
export function helpText(): string {
  const width = Math.max(...optionTable.map((row) => usageOf(row).length));
  const lines = optionTable.map((row) => `  ${usageOf(row).padEnd(width)}  ${row.doc}${defaultNote(row)}`);
  return [
    "assay mock: an OpenAI-style chat server that is never the limit of a benchmark",
    "",
    "serves POST /v1/chat/completions, GET /v1/models, /health, /stats and /dcgm/metrics",
    "",
    ...lines,
    `  ${"--help".padEnd(width)}  this text`,
    "",
  ].join("\n");
}

function problemsOf(options: MockOptions): string[] {
  return optionTable.flatMap((row) => problemOf(row, options[row.key]) ?? []);
}

function problemOf(row: OptionRow, value: unknown): string | undefined {
  if (value === null && row.key === "dcgmPort") return undefined;
  const { kind } = row;
  const problem = (expected: string) => `${row.flag} must be ${expected}, got ${String(value)}`;
  switch (kind.is) {
    case "switch":
      return typeof value === "boolean" ? undefined : problem("true or false");
    case "text":
      return typeof value === "string" && value !== "" ? undefined : problem("a text");
    case "names":
      return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string" && name !== "")
        ? undefined
        : problem("one name or more");
    case "choice":
      return typeof value === "string" && kind.of.includes(value) ? undefined : problem(`one of ${kind.of.join(", ")}`);
    case "integer":
    case "number": {
      const isRight = typeof value === "number" && (kind.is === "integer" ? Number.isInteger(value) : Number.isFinite(value));
      const noun = kind.is === "integer" ? "an integer" : "a number";
      return isRight && value >= kind.min && value <= kind.max ? undefined : problem(`${noun} from ${kind.min} to ${kind.max}`);
    }
  }
}

// Number("") and Number(" ") are 0; neither is a number that somebody meant.
function numberOf(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}

function usageOf(row: OptionRow): string {
  return row.value === undefined ? row.flag : `${row.flag} ${row.value}`;
}

function defaultNote(row: OptionRow): string {
  const value = defaultOptions[row.key];
  return row.kind.is === "switch" || value === null ? "" : ` (default ${String(value)})`;
}

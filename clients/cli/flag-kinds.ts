/** What the value of a flag may be: from text to a value, or to what was expected instead. Pure. */
import type { JsonValue } from "@bufbuild/protobuf";
import { isGrpcUrl, parseBaseUrl, socketPathOf } from "../../endpoints/target-url.ts";
import { readObjectives } from "../../services/common/objective.ts";
import { shownProblem } from "../../services/common/text-cursor.ts";
import { readDistribution, readLengthMix } from "./distribution-text.ts";

export type FlagKind =
  /** Takes no value; `negation` is the spelling of its opposite. */
  | { readonly is: "switch"; readonly negation?: string }
  /** `mayBeEmpty`: an empty one says something, too. */
  | { readonly is: "text"; readonly mayBeEmpty?: true }
  /** As typed, from 1 on or not: within the bounds, both included; `isAbove`: `min` itself is refused. `mayBeInfinite`: `inf` is one. */
  | {
      readonly is: "integer" | "number";
      readonly min: number;
      readonly max: number;
      readonly isAbove?: boolean;
      readonly mayBeInfinite?: boolean;
    }
  /** An unsigned 64-bit number; kept as decimal text, since a double cannot hold it. */
  | { readonly is: "uint64" }
  /**
   * Compared in lower case. `wirePrefix`: the proto's enum has these names in upper case and with `_` for `-`, behind this. `also`:
   * further spellings, and what each stands for.
   */
  | {
      readonly is: "choice";
      readonly of: readonly string[];
      readonly wirePrefix?: string;
      readonly also?: Readonly<Record<string, string>>;
    }
  /** `HOST:PORT`. */
  | { readonly is: "address" }
  /** The kinds below may be given again and again. Names also with commas between them, any or those of a list. */
  | { readonly is: "names"; readonly of?: readonly string[] }
  /** As typed, one a use. */
  | { readonly is: "texts" }
  /** Of at least 0; also with commas between them. */
  | { readonly is: "numbers" }
  /** http or https, with `orSocket` a Unix socket as `unix:/path`, too; `http://` is added where there is no scheme. `not`: words that mean something else to other programs. `mayBeBare`: without a URL it asks for what happens anyway. `also`: words, and ends of names of files, that are taken as they are. */
  | {
      readonly is: "urls";
      readonly orSocket?: true;
      readonly not?: readonly string[];
      readonly also?: readonly string[];
      readonly mayBeBare?: true;
    }
  /** `Name:Value`, or a JSON object of texts. */
  | { readonly is: "headers" }
  /** `key:value`, several with commas between them, or a JSON object. A value that is JSON (number, true, null, list, …) is taken as such, any other as text. */
  | { readonly is: "inputs" }
  /** `key=value`, also with commas between several. */
  | { readonly is: "labels" }
  /** `NAME:3,224,224`: sizes of a tensor. */
  | { readonly is: "shapes" }
  /** `NAME:VALUE:TYPE`, as perf_analyzer has it: a parameter of requests. */
  | { readonly is: "parameters" }
  /** `tag:value tag:value …`: a bound for each metric. */
  | { readonly is: "thresholds" }
  /** `ttft:p99 < 500ms; …`: bounds on figures of a run. */
  | { readonly is: "objectives" }
  /** `uniform:min=1,max=9` and others: a distribution in the RunSpec's words. */
  | { readonly is: "distribution" }
  /** `256,128:40;512,256:60`: pairs of lengths, and how often. */
  | { readonly is: "mix" }
  /** `path=value`, read no further: the value is YAML. */
  | { readonly is: "settings" };

/** The value that a flag of this kind gives. */
export type FlagValue<K> = K extends { readonly is: "switch" }
  ? boolean
  : K extends { readonly is: "integer" | "number" }
    ? number
    : K extends { readonly is: "names" | "texts" | "urls" | "settings" | "objectives" }
      ? readonly string[]
      : K extends { readonly is: "numbers" }
        ? readonly number[]
        : K extends { readonly is: "headers" | "labels" }
          ? Readonly<Record<string, string>>
          : K extends { readonly is: "inputs" | "distribution" | "shapes" | "parameters" }
            ? Readonly<Record<string, JsonValue>>
            : K extends { readonly is: "mix" | "thresholds" }
              ? readonly Readonly<Record<string, JsonValue>>[]
              : K extends { readonly is: "choice"; readonly of: readonly (infer Choice)[] }
                ? Choice
                : string;

/** A switch as a variable of the environment, or with its value: `true`, `1`, `false` or `0`. */
export function readSwitch(text: string): ReadResult {
  switch (text.toLowerCase()) {
    case "true":
    case "1":
      return { value: true };
    case "false":
    case "0":
      return { value: false };
    default:
      return { expected: "true, 1, false or 0" };
  }
}

/** A value, or what was expected: "an integer from 1 to 9". */
export type ReadResult = { readonly value: unknown } | { readonly expected: string };

/** Whether a flag of this kind gathers the values of all its uses; of the others the last use wins. */
export function isGathering({ is }: FlagKind): boolean {
  return gatheringKinds.has(is);
}

const gatheringKinds: ReadonlySet<FlagKind["is"]> = new Set([
  "names",
  "texts",
  "numbers",
  "urls",
  "headers",
  "inputs",
  "settings",
  "labels",
  "shapes",
  "parameters",
  "thresholds",
  "objectives",
] as const);

/** Reads one text. */
export function readValue(kind: Exclude<FlagKind, { is: "switch" }>, text: string): ReadResult {
  switch (kind.is) {
    case "text":
      return text === "" && kind.mayBeEmpty !== true ? { expected: "a text" } : { value: text };
    case "integer":
    case "number":
      return readNumber(kind, text);
    case "uint64":
      return /^\d{1,20}$/.test(text) && BigInt(text) < 2n ** 64n
        ? { value: text }
        : { expected: "an integer from 0 to 2^64 − 1" };
    case "choice": {
      const spelled = text.toLowerCase();
      const choice = kind.also?.[spelled] ?? spelled;
      return kind.of.includes(choice) ? { value: choice } : { expected: oneOf(kind.of) };
    }
    case "address":
      return isAddress(text) ? { value: text } : { expected: "HOST:PORT" };
    case "names":
      return readNames(text, kind.of);
    case "texts":
      return text === "" ? { expected: "a text" } : { value: [text] };
    case "numbers":
      return readNumbers(text);
    case "urls":
      return readUrlsOf(kind, text);
    case "headers":
      return readHeaders(text);
    case "inputs":
      return readInputs(text);
    case "labels":
      return readLabels(text);
    case "shapes":
      return readShape(text);
    case "parameters":
      return readParameter(text);
    case "objectives":
      return readObjectiveText(text);
    case "thresholds":
      return readThresholds(text);
    case "distribution":
      return readDistribution(text);
    case "mix":
      return readLengthMix(text);
    case "settings":
      return /^[^=\s]+=/.test(text) ? { value: [text] } : { expected: "PATH=VALUE" };
  }
}

/** Joins the values of one more use of a gathering flag to those before it. */
export function gather(before: unknown, more: unknown): unknown {
  if (Array.isArray(before) && Array.isArray(more)) return [...before, ...more];
  return isObject(before) && isObject(more) ? { ...before, ...more } : more;
}

function readNumber(kind: Extract<FlagKind, { is: "integer" | "number" }>, text: string): ReadResult {
  const { is, min, max, isAbove = false, mayBeInfinite = false } = kind;
  if (mayBeInfinite && /^\+?inf(inity)?$/i.test(text.trim())) return { value: Number.POSITIVE_INFINITY };
  // Number("") and Number(" ") are 0; neither is a number that somebody meant.
  const value = text.trim() === "" ? Number.NaN : Number(text);
  const isRight = is === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (isRight && value <= max && (isAbove ? value > min : value >= min)) return { value };
  const isList = text.includes(",") && text.split(",").every((part) => part.trim() !== "" && Number.isFinite(Number(part)));
  const expected = `${is === "integer" ? "an integer" : "a number"} ${rangeText(min, max, isAbove)}${mayBeInfinite ? ", or inf" : ""}`;
  return { expected: isList ? `${expected}, one alone: a list of values (a sweep) is not supported by this version` : expected };
}

function rangeText(min: number, max: number, isAbove: boolean): string {
  const from = isAbove ? `above ${min}` : `of at least ${min}`;
  if (max === Number.POSITIVE_INFINITY || max === Number.MAX_SAFE_INTEGER) return from;
  return isAbove ? `above ${min} and at most ${max}` : `from ${min} to ${max}`;
}

function oneOf(choices: readonly string[]): string {
  return choices.length === 1 ? `${choices[0]}` : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
}

function isAddress(text: string): boolean {
  const match = /^(?:\[[0-9a-f:.]+\]|[^:/\s[\]]+):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[1] ?? 0);
  return port >= 1 && port <= 65_535;
}

function readNames(text: string, of?: readonly string[]): ReadResult {
  const names = text.split(",").map((name) => name.trim());
  if (of !== undefined && !names.every((name) => of.includes(name))) {
    return { expected: `${oneOf(of)}, or several with commas between them` };
  }
  return names.some((name) => name === "") ? { expected: "a name, or several with commas between them" } : { value: names };
}

function readNumbers(text: string): ReadResult {
  const parts = text.split(",");
  // Number(" ") is 0, and nobody means that.
  const isRight = parts.every((part) => part.trim() !== "" && Number.isFinite(Number(part)) && Number(part) >= 0);
  return isRight ? { value: parts.map(Number) } : { expected: "a number of at least 0, or several with commas between them" };
}

function readUrlsOf({ not = [], also = [], orSocket }: Extract<FlagKind, { is: "urls" }>, text: string): ReadResult {
  if (not.includes(text.trim())) return { expected: `an http or https URL: ${oneOf(not)} is not there` };
  const isAlso = (part: string): boolean => also.some((end) => part === end || (end.startsWith(".") && part.endsWith(end)));
  const read = text
    .split(",")
    .map((part) => (isAlso(part.trim()) ? { value: [part.trim()] } : readUrls(part, orSocket === true)));
  const wrong = read.find((result) => "expected" in result);
  if (wrong !== undefined) return also.length === 0 ? wrong : { expected: `an http or https URL, ${also.join(", ")}` };
  return { value: read.flatMap((result) => ("value" in result ? (result.value as string[]) : [])) };
}

function readUrls(text: string, orSocket: boolean): ReadResult {
  const urls = text.split(",").map((part) => (/^unix:\/|:\/\//.test(part.trim()) ? part.trim() : `http://${part.trim()}`));
  const isRight = urls.every((url) => {
    const base = parseBaseUrl(url);
    return base !== undefined && (orSocket || (socketPathOf(base) === undefined && !isGrpcUrl(base)));
  });
  return isRight
    ? { value: urls }
    : { expected: `an http or https URL${orSocket ? ", grpc://HOST:PORT, grpcs://HOST:PORT, or unix:/PATH of a socket" : ""}` };
}

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function readHeaders(text: string): ReadResult {
  const expected = "Name:Value, or a JSON object of texts";
  if (text.startsWith("{")) {
    const object = parseJson(text);
    if (!isObject(object) || Object.values(object).some((value) => typeof value !== "string")) return { expected };
    return Object.keys(object).every((name) => headerName.test(name)) ? { value: object } : { expected };
  }
  const colon = text.indexOf(":");
  const name = text.slice(0, Math.max(colon, 0)).trim();
  return headerName.test(name) ? { value: { [name]: text.slice(colon + 1).trim() } } : { expected };
}

function readInputs(text: string): ReadResult {
  if (text.startsWith("{")) {
    const object = parseJson(text);
    return isObject(object) ? { value: object } : { expected: "key:value, or a JSON object" };
  }
  const inputs = pairsOf(text).map((pair) => /^([^:]+):(.*)$/s.exec(pair));
  if (inputs.includes(null)) return { expected: "key:value, or a JSON object" };
  return {
    value: Object.fromEntries(
      inputs.map((input) => {
        const key = input?.[1]?.trim() ?? "";
        const value = input?.[2]?.trim() ?? "";
        return [key, writtenInputs.has(key) ? value : inputValue(value)];
      }),
    ),
  };
}

/** They are texts, whatever these look like: a template may be JSON, and a path of JMESPath a list. */
const writtenInputs: ReadonlySet<string> = new Set(["payload_template", "response_field"]);

/** At commas that another key follows, unless the value is JSON as a whole, or one of `writtenInputs`. */
function pairsOf(text: string): readonly string[] {
  const colon = text.indexOf(":");
  const isOne = writtenInputs.has(text.slice(0, colon).trim()) || parseJson(text.slice(colon + 1)) !== undefined;
  return isOne ? [text] : text.split(/,(?=\s*[a-z_][\w.-]*:(?!\/\/))/i);
}

/** JSON, what Python calls True, False and None among it; anything else is a text. */
function inputValue(text: string): JsonValue {
  if (/^(?:true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (text === "null" || text === "None") return null;
  return (parseJson(text) as JsonValue | undefined) ?? text;
}

function readLabels(text: string): ReadResult {
  const labels = text.split(",").map((label) => /^\s*([\w./:-]+)=([\w./:-]*)\s*$/.exec(label));
  if (labels.includes(null)) return { expected: "KEY=VALUE, or several with commas between them" };
  return { value: Object.fromEntries(labels.map((label) => [label?.[1] ?? "", label?.[2] ?? ""])) };
}

function readShape(text: string): ReadResult {
  const [, name, sizes] = /^(.+):(\d{1,15}(?:,\d{1,15})*)$/.exec(text.trim()) ?? [];
  if (name === undefined || sizes === undefined)
    return { expected: "NAME:SIZE or NAME:SIZE,SIZE, each a whole number from 0 on" };
  return { value: { [name]: { sizes: sizes.split(",").map(Number) } } };
}

function readParameter(text: string): ReadResult {
  const [, name, value = "", type] = /^([^:]+):(.*):([a-z]+)$/s.exec(text) ?? [];
  const read = name === undefined ? undefined : parameterValue(value, type ?? "");
  return read === undefined
    ? { expected: "NAME:VALUE:TYPE, as priority:1:int; types are bool, int, double and string" }
    : { value: { [name as string]: read } };
}

/** Undefined: it is none of the type. */
function parameterValue(value: string, type: string): string | number | boolean | undefined {
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (type === "string") return value;
  if (type === "bool") return value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : undefined;
  if (type === "int") return Number.isSafeInteger(number) ? number : undefined;
  return type === "double" && Number.isFinite(number) ? number : undefined;
}

function readObjectiveText(text: string): ReadResult {
  const read = readObjectives(text);
  if ("objectives" in read) return { value: [text.trim()] };
  return { expected: `bounds as 'ttft:p99 < 500ms; error_rate < 1%': ${shownProblem(text, read.problem)}` };
}

function readThresholds(text: string): ReadResult {
  const pairs = text
    .trim()
    .split(/\s+/)
    .map((word) => /^([^\s:]+):([^\s:]+)$/.exec(word));
  const values = pairs.map((pair) => ({ metric: pair?.[1] ?? "", threshold: Number(pair?.[2] ?? "x") }));
  if (values.every(({ threshold }) => Number.isFinite(threshold) && threshold >= 0)) return { value: values };
  return { expected: "tag:value of a metric, or several with spaces between them" };
}

/** Undefined where the text is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is an answer here: the text is then taken as it is, or refused by the caller.
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** From arguments to options, by a table of flags. Pure; reports every problem, not the first. */

import { maskedUrl } from "../../endpoints/target-url.ts";
import { nearest } from "../../services/common/nearest.ts";
import { type FlagKind, gather, isGathering, readSwitch, readValue } from "./flag-kinds.ts";
import type { Flag, FlagTable, OptionsOf } from "./flags/flag.ts";

export interface Parsed<T extends FlagTable> {
  /** What was given and could be read. */
  readonly options: OptionsOf<T>;
  /** Names of the options that were meant to be given, readable or not, slips of spelling included; without switches that are off and have no opposite. */
  readonly given: ReadonlySet<string>;
  /** Arguments that are no options, at most `maxOperands`. */
  readonly operands: readonly string[];
  readonly wantsHelp: boolean;
  /** One line each, naming option, value and what was expected. With any of them `options` must not be used. */
  readonly problems: readonly string[];
}

/** An option that people know from another program. */
export interface MissingOption {
  /** Said of it instead of that it is unknown. */
  readonly hint: string;
  /** Values of it that ask for what happens anyway, and are taken; the empty one is the option without a value. */
  readonly asItIs: readonly string[];
}

/**
 * Reads `--flag value`, `--flag=value` and switches, which may have `=true` or `=false` behind them. Flags that gather take all values up to the next flag, and every use adds to
 * those before; while operands may still come, they take one, as in `show -m a FILE`. Of any other flag the last use holds. After `--` everything is an operand. `--request_rate` is `--request-rate`.
 *
 * @param missing options of other programs, by long spelling
 */
export function parseFlags<T extends FlagTable>(
  table: T,
  argv: readonly string[],
  maxOperands = 0,
  missing: ReadonlyMap<string, MissingOption> = new Map(),
): Parsed<T> {
  const bySpelling = spellingsOf(table);
  const options: Record<string, unknown> = {};
  const given = new Set<string>();
  const operands: string[] = [];
  const problems: string[] = [];
  let wantsHelp = false;
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === "--help" || argument === "-h") {
      wantsHelp = true;
      continue;
    }
    if (argument === "--" && maxOperands > 0) {
      operands.push(...rest.splice(0));
      continue;
    }
    // By itself it means standard input.
    if ((!argument.startsWith("-") || argument === "-") && operands.length < maxOperands) {
      operands.push(argument);
      continue;
    }
    const equals = argument.startsWith("-") ? argument.indexOf("=") : -1;
    const spelling = equals < 0 ? argument : argument.slice(0, equals);
    const found = bySpelling.get(dashed(spelling));
    if (found === undefined) {
      const option = missing.get(dashed(spelling));
      if (option !== undefined && isAsItIs(option, equals < 0 ? undefined : argument.slice(equals + 1), rest)) continue;
      const hint = option?.hint;
      const isLikely = hint === undefined && spelling.startsWith("-");
      const meant = isLikely ? nearest(dashed(spelling), [...bySpelling.keys(), "--help"]) : undefined;
      problems.push(hint === undefined ? unknownProblem(spelling, meant) : `${spelling}: ${hint}`);
      // Neither its value nor its absence is to be complained of, too.
      if (spelling.startsWith("-")) takeWhile(rest, isValue);
      given.add(bySpelling.get(meant ?? "")?.name ?? "");
      continue;
    }
    const { name, flag, isNegated } = found;
    const kind: FlagKind = flag.kind;
    if (kind.is === "switch") {
      const result = readSwitch(equals < 0 ? "true" : argument.slice(equals + 1));
      if ("expected" in result) problems.push(`${argument}: expected ${result.expected}, or ${spelling} alone`);
      const isOn = "value" in result && result.value === true;
      options[name] = isOn !== isNegated;
      // Off asks a switch without an opposite for nothing: whatever was said of it before, there or elsewhere, is taken back.
      if (isOn || kind.negation !== undefined) given.add(name);
      else given.delete(name);
      continue;
    }
    const isFlag = (text: string): boolean => {
      const word = dashed(text.split("=", 1)[0] ?? "");
      return bySpelling.has(word) || missing.has(word) || text === "--help";
    };
    const texts =
      equals >= 0 ? [argument.slice(equals + 1)] : valuesOf(rest, flag, { isFlag, isAlone: operands.length < maxOperands });
    if (texts.length === 0 && kind.is === "urls" && kind.mayBeBare === true) continue;
    given.add(name);
    if (texts.length === 0) problems.push(`${spelling}: needs a value (${flag.value})`);
    for (const text of texts) {
      const result = readValue(kind, text);
      if ("value" in result) options[name] = isGathering(kind) ? gather(options[name], result.value) : result.value;
      else problems.push(`${spelling}${flag.isSecret ? "" : ` ${text}`}: expected ${result.expected}`);
    }
  }
  // Every value was read by the kind of its own row.
  return { options: options as OptionsOf<T>, given, operands, wantsHelp, problems };
}

/** Whether an option asks for what happens anyway; then its value is taken off the rest. */
function isAsItIs({ asItIs }: MissingOption, inline: string | undefined, rest: string[]): boolean {
  if (asItIs.includes("")) return inline === undefined;
  const value = inline ?? rest[0] ?? "";
  const isSame = (other: string): boolean => other === value || (value !== "" && Number(other) === Number(value));
  if (!asItIs.some(isSame)) return false;
  if (inline === undefined) rest.shift();
  return true;
}

/** The command line with secret values replaced, to be written into files. */
export function maskedCommand(table: FlagTable, argv: readonly string[]): string {
  const bySpelling = spellingsOf(table);
  let isHidden = false;
  let isSetting = false;
  const words = argv.map((argument) => {
    const equals = argument.startsWith("-") ? argument.indexOf("=") : -1;
    const found = bySpelling.get(dashed(equals < 0 ? argument : argument.slice(0, equals)));
    if (found === undefined) return isHidden ? "***" : quoted(isSetting ? maskedSetting(argument) : maskedUrl(argument));
    const isInline = equals >= 0;
    isHidden = found.flag.isSecret === true && !isInline;
    isSetting = found.flag.kind.is === "settings" && !isInline;
    if (!isInline) return quoted(argument);
    const value = argument.slice(equals + 1);
    const shown = found.flag.isSecret ? "***" : found.flag.kind.is === "settings" ? maskedSetting(value) : maskedUrl(value);
    return quoted(`${argument.slice(0, equals)}=${shown}`);
  });
  return words.join(" ");
}

/** Paths of a RunSpec below which values are secrets. */
const secretPaths =
  /^(target\.(api_key|apiKey|headers|proxy_url|proxyUrl|tls\.(key_pem|keyPem))|telemetry\.(headers|tls\.(key_pem|keyPem)))/;

/** `path=value`, the value masked where it is a secret. */
export function maskedSetting(setting: string): string {
  const path = setting.split("=", 1)[0] ?? "";
  return secretPaths.test(path) ? `${path}=***` : maskedUrl(setting);
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

interface Found {
  readonly name: string;
  readonly flag: Flag;
  readonly isNegated: boolean;
}

function spellingsOf(table: FlagTable): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const [name, flag] of Object.entries(table)) {
    for (const spelling of [flag.flag, ...(flag.aliases ?? [])]) found.set(spelling, { name, flag, isNegated: false });
    const negation = flag.kind.is === "switch" ? flag.kind.negation : undefined;
    if (negation !== undefined) found.set(negation, { name, flag, isNegated: true });
  }
  return found;
}

/** As the tables spell it. */
function dashed(spelling: string): string {
  return spelling.startsWith("--") ? spelling.replaceAll("_", "-") : spelling;
}

function unknownProblem(spelling: string, meant: string | undefined): string {
  if (!spelling.startsWith("-")) return `${spelling}: unexpected argument`;
  return `${spelling}: unknown option${meant === undefined ? "" : `, did you mean ${meant}?`}`;
}

interface Neighbours {
  /** Of this program or of another one that people know. */
  isFlag(text: string): boolean;
  /** What follows its first value may be an operand. */
  readonly isAlone: boolean;
}

/** One value, or all up to the next flag. A value may begin with `-`, as negative numbers do, unless it is itself a flag. */
function valuesOf(rest: string[], flag: Flag, { isFlag, isAlone }: Neighbours): string[] {
  const first = rest[0];
  if (first === undefined || isFlag(first)) return [];
  rest.shift();
  return isGathering(flag.kind) && !isAlone ? [first, ...takeWhile(rest, isValue)] : [first];
}

function isValue(text: string): boolean {
  return !text.startsWith("-");
}

function takeWhile(rest: string[], isTaken: (text: string) => boolean): string[] {
  const end = rest.findIndex((text) => !isTaken(text));
  return rest.splice(0, end < 0 ? rest.length : end);
}

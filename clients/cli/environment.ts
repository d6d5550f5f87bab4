/** Options from the environment: each is a variable, `ASSAY_` and its name. Pure. */
import { readSwitch, readValue } from "./flag-kinds.ts";
import type { Flag, FlagTable, OptionsOf } from "./flags/flag.ts";

export interface FromEnvironment<T extends FlagTable> {
  readonly options: OptionsOf<T>;
  /** Names of the options that are set, readable or not; without switches that are off and have no opposite. */
  readonly given: ReadonlySet<string>;
  /** One line each, naming variable, value and what was expected. */
  readonly problems: readonly string[];
}

/** What every variable of the program begins with. */
export const variablePrefix = "ASSAY_";

/** `--request-count` is `ASSAY_REQUEST_COUNT`. */
export function variableOf({ flag }: Flag): string {
  return `${variablePrefix}${flag.replace(/^--/, "").replaceAll("-", "_").toUpperCase()}`;
}

/** Variables of telemetry, which reads them wherever it runs: bounds of what it scrapes. */
const passedOn: ReadonlySet<string> = new Set(["ASSAY_PAGE_DEADLINE_MS", "ASSAY_MAX_PAGE_BYTES"]);

/**
 * What a process that this one starts is given: everything but this program's own variables, of which some hold keys, those of telemetry
 * aside. It is told what it needs over its pipe.
 */
export function environmentOfChild(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => passedOn.has(name) || !name.startsWith(variablePrefix)));
}

/** Reads the variables of a table. An empty one counts as unset. */
export function readEnvironment<T extends FlagTable>(
  table: T,
  env: Readonly<Record<string, string | undefined>>,
): FromEnvironment<T> {
  const options: Record<string, unknown> = {};
  const given = new Set<string>();
  const problems: string[] = [];
  for (const [name, flag] of Object.entries(table)) {
    const text = env[variableOf(flag)] ?? "";
    if (text === "") continue;
    const result = flag.kind.is === "switch" ? readSwitch(text) : readValue(flag.kind, text);
    const isOff = flag.kind.is === "switch" && flag.kind.negation === undefined && "value" in result && result.value === false;
    if (!isOff) given.add(name);
    if ("value" in result) options[name] = result.value;
    else problems.push(`${variableOf(flag)}${flag.isSecret ? "" : `=${text}`}: expected ${result.expected}`);
  }
  // Every value was read by the kind of its own row.
  return { options: options as OptionsOf<T>, given, problems };
}

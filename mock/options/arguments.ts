/** The command line of `assay mock`. */
import { didYouMean } from "../../services/common/nearest.ts";
import { defaultOptions, type MockOptions, problemsOf } from "../options.ts";
import { joinValues, readValue, shown } from "./kinds.ts";
import { type OptionRow, optionTable } from "./table.ts";

/** What a command line asks for. With problems, `options` holds the rest and must not be used. */
export interface ParsedArguments {
  readonly options: MockOptions;
  readonly wantsHelp: boolean;
  /** One line each, with the option and its value. */
  readonly problems: readonly string[];
}

/** Reads `--flag value`, `--flag=value` and switches. Reports all problems, not the first. */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
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
      problems.push(
        `unknown option ${argument}${didYouMean(
          flag,
          optionTable.map((known) => known.flag),
        )}`,
      );
      continue;
    }
    if (row.kind.is === "switch") {
      if (equals >= 0) problems.push(`${flag} takes no value, got ${argument.slice(equals + 1)}`);
      given[row.key] = true;
      continue;
    }
    const text = equals < 0 ? argv[++i] : argument.slice(equals + 1);
    if (text === undefined) problems.push(`${flag} needs a value`);
    else take(row, text, given, problems);
  }
  const options = { ...defaultOptions, ...given } as MockOptions; // problemsOf checks every value against its row
  return { options, wantsHelp, problems: [...problems, ...problemsOf(options)] };
}

function take({ flag, key, kind }: OptionRow, text: string, given: Record<string, unknown>, problems: string[]): void {
  const value = readValue(kind, text);
  const isRepeated = Object.hasOwn(given, key) && (kind.is === "names" || kind.is === "rates");
  const joined = isRepeated ? joinValues(kind, given[key], value) : value;
  if (joined === undefined) problems.push(`${flag} ${shown(given[key])} cannot be joined with ${flag} ${text}`);
  else given[key] = joined;
}

/** What there is to say about a command, whoever says it: `--help`, completions, manual and reference page read this. Pure. */
import type { CommandRow, Operand } from "../commands.ts";
import { variableOf } from "../environment.ts";
import { isGathering } from "../flag-kinds.ts";
import { type Flag, flagGroups } from "../flags/flag.ts";

export interface OptionRow {
  /** All spellings, the shown one last of the short ones and first of the long ones: `-m`, `--model`, `--model-names`. */
  readonly spellings: readonly string[];
  /** Spelling of its opposite. */
  readonly negation?: string | undefined;
  /** What stands for the value; absent: a switch. */
  readonly value?: string | undefined;
  readonly choices?: readonly string[] | undefined;
  readonly completes?: "file" | "folder" | undefined;
  readonly doc: string;
  readonly group: string;
  readonly variable?: string | undefined;
  /** Field of the RunSpec that it fills. */
  readonly path?: string | undefined;
  readonly isRepeatable: boolean;
}

export interface CommandPage {
  /** Words after `assay`. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** `assay runs show RUN [options]`. */
  readonly usage: string;
  /** One line, no full stop. */
  readonly summary: string;
  readonly operands: readonly Operand[];
  /** In the order in which they are shown, groups together. */
  readonly options: readonly OptionRow[];
  readonly notes: readonly string[];
  readonly examples: readonly string[];
  /** `0 done …`. */
  readonly exits: readonly string[];
}

const help: OptionRow = { spellings: ["-h", "--help"], doc: "this text", group: "Configuration", isRepeatable: false };

/** The page of a row of `commands`. */
export function pageOf(row: CommandRow): CommandPage {
  const flags: readonly Flag[] = Object.values(row.flags);
  const grouped = flagGroups.flatMap((group) => flags.filter((flag) => flag.group === group));
  const options = grouped.map(optionOf);
  return {
    name: row.name,
    aliases: row.aliases ?? [],
    usage: usageOf(row.name, row.operands ?? [], options.length > 0),
    summary: row.summary,
    operands: row.operands ?? [],
    options: [...options, { ...help, group: grouped.at(-1)?.group ?? "" }],
    notes: row.notes ?? [],
    examples: row.examples ?? [],
    exits: row.exits,
  };
}

/** Name, operands, and whether there are options. */
export function usageOf(name: string, operands: readonly Operand[], hasOptions: boolean): string {
  const words = operands.map(({ name: shown, isOptional, isRepeated }) => {
    const word = `${shown}${isRepeated ? "…" : ""}`;
    return isOptional ? `[${word}]` : word;
  });
  return ["assay", name, ...words, ...(hasOptions ? ["[options]"] : [])].join(" ");
}

function optionOf(flag: Flag): OptionRow {
  const { kind, aliases = [] } = flag;
  return {
    spellings: [...aliases.filter(isShort), flag.flag, ...aliases.filter((alias) => !isShort(alias))],
    negation: kind.is === "switch" ? kind.negation : undefined,
    value: flag.value,
    choices: kind.is === "choice" ? kind.of : undefined,
    completes: flag.completes,
    doc: flag.doc,
    group: flag.group,
    variable: variableOf(flag),
    path: flag.paths?.[0],
    isRepeatable: isGathering(kind),
  };
}

export function isShort(spelling: string): boolean {
  return !spelling.startsWith("--");
}

/** The command line client: everything that `assay` does besides serving. */
import { nearest } from "../../services/common/nearest.ts";
import { aiperfCommandHint } from "./aiperf-commands.ts";
import type { Asked, Execute, Origin } from "./asked.ts";
import {
  type CommandName,
  type CommandRow,
  commands,
  commandVariables,
  type Operand,
  type OtherCommand,
  programs,
} from "./commands.ts";
import { readEnvironment, variablePrefix } from "./environment.ts";
import { exitCodes } from "./exit-codes.ts";
import type { FlagTable, OptionsOf } from "./flags/flag.ts";
import { type Parsed, parseFlags } from "./parse.ts";
import { refuse } from "./refuse.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** What the command line needs of services, which clients do not know. */
export interface OtherCommands extends Readonly<Record<OtherCommand, Execute<FlagTable>>> {
  /** Variables of the environment that services read. */
  readonly variables: () => Promise<readonly string[]>;
}

/**
 * Any command of `commands`, `--help`, `--version`; anything else is refused.
 *
 * @param argv arguments after the program's name
 * @returns the exit code (`exit-codes.ts`), once everything that was started has ended
 */
export async function runCli(
  argv: readonly string[],
  terminal: Terminal = processTerminal(),
  others?: OtherCommands,
): Promise<number> {
  const [first, ...rest] = argv;
  if (first === "--version" || first === "-V") {
    const { versionLine } = await import("../../services/common/version.ts");
    terminal.out(`${versionLine()}\n`);
    return exitCodes.ok;
  }
  const wantsHelp = first === "help" || first === "--help" || first === "-h";
  const words = wantsHelp ? rest : argv;
  if (wantsHelp && words.length === 0) {
    const { overview } = await import("./help.ts");
    terminal.out(overview());
    return exitCodes.ok;
  }
  const found = commandOf(words);
  if (found === undefined) return refuse(terminal, "assay", [unknownCommand(words)]);
  const row: CommandRow = commands[found.command];
  const asked = wantsHelp ? undefined : read(row, found, terminal);
  if (asked === undefined) {
    const [{ helpOf }, { pageOf }] = await Promise.all([import("./help.ts"), import("./manual/page.ts")]);
    terminal.out(helpOf(pageOf(row), terminal.width));
    return exitCodes.ok;
  }
  if (typeof asked === "number") return asked;
  await warnOfVariables(terminal, others);
  const execute = await (row.load?.() ?? others?.[found.command as OtherCommand]);
  if (execute === undefined) return refuse(terminal, found.name, ["not here"]);
  return execute(asked);
}

interface Found {
  readonly command: CommandName;
  /** `assay profile`: as it was called. */
  readonly name: string;
  readonly argv: readonly string[];
}

/** The command whose name, or another word for it, the arguments begin with. */
function commandOf(argv: readonly string[]): Found | undefined {
  for (const [command, row] of Object.entries(commands) as [CommandName, CommandRow][]) {
    for (const name of [row.name, ...(row.aliases ?? [])]) {
      const words = name.split(" ");
      if (words.every((word, index) => argv[index] === word)) {
        return { command, name: `assay ${name}`, argv: argv.slice(words.length) };
      }
    }
  }
  return undefined;
}

/** What the command line and the environment ask for; undefined: for help. An exit code where they are wrong, which has been said. */
function read(row: CommandRow, { name, argv }: Found, terminal: Terminal): Asked<FlagTable> | number | undefined {
  const { operands: wanted = [] } = row;
  const most = wanted.at(-1)?.isRepeated ? Number.POSITIVE_INFINITY : wanted.length;
  const line = parseFlags(row.flags, argv, most, row.missing);
  if (line.wantsHelp) return undefined;
  const environment = readEnvironment(row.flags, terminal.env);
  const options: OptionsOf<FlagTable> = { ...environment.options, ...line.options };
  const origins = new Map<string, Origin>([
    // Off on the command line takes back what the environment says.
    ...[...environment.given].filter((option) => !isTakenBack(line, option)).map((option) => [option, "environment"] as const),
    ...[...line.given].map((option) => [option, "argument"] as const),
  ]);
  const missing = wanted.filter(({ isOptional }, index) => !isOptional && line.operands[index] === undefined);
  const problems = [
    ...line.problems,
    ...environment.problems,
    ...missing.map((operand) => `${operand.name}: expected one${choicesOf(operand.completes)}`),
    ...wanted.flatMap(({ name: shown, completes }, index) => {
      const given = line.operands[index];
      if (given === undefined || typeof completes !== "object" || completes.includes(given)) return [];
      return [`${shown} ${given}: expected one${choicesOf(completes)}`];
    }),
    ...(row.check?.({ options, origins }) ?? []),
  ];
  if (problems.length > 0) return refuse(terminal, name, problems);
  return { options, origins, operands: line.operands, name, argv, terminal };
}

function isTakenBack({ options, given }: Parsed<FlagTable>, option: string): boolean {
  return options[option] === false && !given.has(option);
}

/** A misspelt variable would otherwise do nothing without a word; the environment is shared, so that it is no error. */
async function warnOfVariables(terminal: Terminal, others: OtherCommands | undefined): Promise<void> {
  const strange = Object.keys(terminal.env).filter((name) => name.startsWith(variablePrefix) && !commandVariables.has(name));
  if (strange.length === 0 || others === undefined) return;
  const known = new Set([...(await others.variables()), "ASSAY_TOKEN"]);
  for (const name of strange.filter((candidate) => !known.has(candidate))) {
    // Compared without what all of them begin with: it would make strangers look alike.
    const own = [...commandVariables].map((variable) => variable.slice(variablePrefix.length));
    const meant = nearest(name.slice(variablePrefix.length), own);
    if (meant === undefined) continue;
    terminal.err(`warning: unknown environment variable ${name}, did you mean ${variablePrefix}${meant}?\n`);
  }
}

function choicesOf(completes: Operand["completes"]): string {
  return typeof completes === "object" ? ` of ${completes.join(", ")}` : "";
}

function unknownCommand(argv: readonly string[]): string {
  const [first = "", second = ""] = argv;
  if (first === "") return "expected a command";
  const hint = aiperfCommandHint(argv);
  if (hint !== undefined) return hint;
  const names = Object.values(commands).map(({ name }) => name);
  const below = names.filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1));
  if (below.length > 0) {
    const meant = nearest(second, below);
    const known = meant === undefined ? `, expected ${below.join(", ")}` : `, did you mean ${first} ${meant}?`;
    return second === "" ? `${first}: expected ${below.join(", ")}` : `${first} ${second}: unknown command${known}`;
  }
  const words = [...names.map((name) => name.split(" ")[0] ?? ""), ...programs.map(({ name }) => name), "help"];
  const meant = nearest(first, words);
  return `${first}: unknown command${meant === undefined ? "" : `, did you mean ${meant}?`}`;
}

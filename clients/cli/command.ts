/** The command line client: everything that `assay` does besides serving. */

import { nearest } from "../../services/common/nearest.ts";
import { exitCodes } from "./exit-codes.ts";
import { healthFlags, runFlags, sendFlags } from "./flags.ts";
import { maskedCommand, parseFlags } from "./parse.ts";
import { conflictsOf } from "./run-options.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** Commands of `assay`, those of other programs of the package included. */
const commands = ["run", "profile", "send", "health", "serve", "mock", "help"];

/**
 * `run`, `profile` (the same), `send`, `health`, `--help`, `--version`; anything else is refused.
 *
 * @param argv arguments after the program's name
 * @returns the exit code (`exit-codes.ts`), once everything that was started has ended
 */
export async function runCli(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const [command = "", ...rest] = argv;
  switch (command) {
    case "run":
    case "profile":
      return runCommand(command, rest, terminal);
    case "send":
      return sendCommand(rest, terminal);
    case "health":
      return healthCommand(rest, terminal);
    case "help":
    case "--help":
    case "-h": {
      const { overview } = await import("./help.ts");
      terminal.out(overview);
      return exitCodes.ok;
    }
    case "--version":
    case "-V": {
      const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
      terminal.out(`assay ${manifest.version}\n`);
      return exitCodes.ok;
    }
    default:
      return refuse(terminal, "assay", [unknownCommand(command)], "assay --help lists the commands");
  }
}

async function runCommand(command: string, argv: readonly string[], terminal: Terminal): Promise<number> {
  const name = `assay ${command}`;
  const { options, given, wantsHelp, problems } = parseFlags(runFlags, argv);
  if (wantsHelp) {
    const { runHelp } = await import("./help.ts");
    terminal.out(runHelp(terminal.width));
    return exitCodes.ok;
  }
  const found = [...problems, ...conflictsOf(options, given)];
  if (found.length > 0) return refuse(terminal, name, found, `${name} --help lists the options`);
  const { run } = await import("./run.ts");
  const [, entry = ""] = process.argv;
  return run(options, {
    terminal,
    name,
    command: [process.execPath, ...process.execArgv, entry],
    cliCommand: `${name} ${maskedCommand(runFlags, argv)}`.trimEnd(),
  });
}

async function sendCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const name = "assay send";
  const { options, given, wantsHelp, problems } = parseFlags(sendFlags, argv);
  if (wantsHelp) {
    const { sendHelp } = await import("./help.ts");
    terminal.out(sendHelp(terminal.width));
    return exitCodes.ok;
  }
  const { problemsOfSend, send } = await import("./send.ts");
  const found = [...problems, ...problemsOfSend(given)];
  if (found.length > 0) return refuse(terminal, name, found, `${name} --help lists the options`);
  const [, entry = ""] = process.argv;
  return send(options, { terminal, name, command: [process.execPath, ...process.execArgv, entry] });
}

async function healthCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const { options, wantsHelp, problems } = parseFlags(healthFlags, argv);
  if (wantsHelp) {
    const { healthHelp } = await import("./help.ts");
    terminal.out(healthHelp(terminal.width));
    return exitCodes.ok;
  }
  if (problems.length > 0) return refuse(terminal, "assay health", problems, "assay health --help lists the options");
  const { health } = await import("./health.ts");
  return health(options, terminal);
}

function unknownCommand(command: string): string {
  if (command === "") return "expected a command";
  const meant = nearest(command, commands);
  return `${command}: unknown command${meant === undefined ? "" : `, did you mean ${meant}?`}`;
}

function refuse(terminal: Terminal, name: string, problems: readonly string[], hint: string): number {
  for (const problem of problems) terminal.err(`${name}: ${problem}\n`);
  terminal.err(`${hint}\n`);
  return exitCodes.usage;
}

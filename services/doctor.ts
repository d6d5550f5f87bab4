/** `assay doctor`: measures this machine's floor, prints it and keeps it for later runs. */
import type { Asked } from "../clients/cli/asked.ts";
import { exitCodes } from "../clients/cli/exit-codes.ts";
import type { doctorFlags } from "../clients/cli/flags.ts";
import { Interrupts, unlessAborted } from "../clients/cli/interrupts.ts";
import { MockServer } from "../clients/cli/mock-server.ts";
import { ownCommand } from "../clients/cli/own-command.ts";
import type { Terminal } from "../clients/cli/terminal.ts";
import { doctorLines } from "../report/doctor.ts";
import { createPaint } from "../report/paint.ts";
import { messageOf } from "./common/errors.ts";
import type { Floor } from "./common/floor.ts";
import { defaultRunsDir, writeFloor } from "./common/floor-store.ts";
import { measureFloor, pacedArguments } from "./worker/floor/measure.ts";

/** Whatever hangs is given up then. */
const deadlineMs = 60_000;

export interface DoctorSources {
  /** Program and arguments up to the subcommand: starts the built-in server. Default: this program. */
  readonly command?: readonly string[];
  /** Share of the usual time that measuring takes; default 1. */
  readonly share?: number;
}

/** Resolves with the exit code when everything that was started has ended. */
export async function doctor(
  { options, terminal, name }: Asked<typeof doctorFlags>,
  { command = ownCommand(), share = 1 }: DoctorSources = {},
): Promise<number> {
  const interrupts = new Interrupts(terminal);
  const servers: MockServer[] = [];
  const start = (args: readonly string[]): Promise<string> => {
    const server = new MockServer(command, args);
    servers.push(server);
    return server.ready();
  };
  const signal = AbortSignal.any([interrupts.stop, AbortSignal.timeout(deadlineMs)]);
  try {
    const measuring = measureFloor({
      servers: async () => {
        const [quickUrl, pacedUrl] = await Promise.all([start([]), start(pacedArguments)]);
        return { quickUrl, pacedUrl };
      },
      share,
      onStep: (what) => {
        if (terminal.isErrTty) terminal.err(`\r\x1b[Kmeasuring ${what} …`);
      },
      signal,
    });
    const floor = await unlessAborted(measuring, interrupts.stop);
    if (terminal.isErrTty) terminal.err("\r\x1b[K");
    if (floor === undefined) return exitCodes.interrupted;
    show(floor, terminal, options.json === true);
    keep(floor, terminal, name);
    return exitCodes.ok;
  } catch (error) {
    if (interrupts.stop.aborted) return exitCodes.interrupted;
    terminal.err(`${name}: the machine cannot be measured: ${messageOf(error)}\n`);
    return exitCodes.failed;
  } finally {
    await Promise.all(servers.map((server) => (signal.aborted ? server.kill() : server.stop())));
    interrupts.close();
  }
}

function show(floor: Floor, terminal: Terminal, isJson: boolean): void {
  const style = { width: terminal.width, paint: createPaint(terminal.hasColour) };
  const lines = isJson ? [JSON.stringify(jsonOf(floor), null, 2)] : doctorLines(floor, style);
  terminal.out(lines.map((line) => `${line}\n`).join(""));
}

/** What cannot be kept is still shown. */
function keep(floor: Floor, { env, err }: Terminal, name: string): void {
  const runsDir = env.ASSAY_RUNS_DIR ?? defaultRunsDir(env);
  try {
    writeFloor(runsDir, floor);
  } catch (error) {
    err(`${name}: later runs will not know of it: ${messageOf(error)}\n`);
  }
}

/** Names as in every other JSON of the program: `p99_ms`. */
function jsonOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snakeCase(name), jsonOf(inner)]));
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

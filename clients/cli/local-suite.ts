/**
 * The processes of a local run. Each reads one JSON line from stdin (token, address of the controller, log, config) and
 * answers with one on stdout when it has joined the suite. A process whose stdin ends stops itself, so that none outlives this one.
 */
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { parse } from "node:path";
import { AssayError, messageOf } from "../../services/common/errors.ts";
import { listSuite } from "../../services/common/suite-files.ts";
import { Companion, type CompanionEnd } from "./companion.ts";
import type { DatasetPlaces } from "./dataset/places.ts";

const recordsProcess = "records-manager,record-processor";
const managerProcess = "records-manager";
const processorProcess = "record-processor";

/** What a run needs. Services by process; the first process holds the controller, and its address is told to the others. */
export function runProcesses({ recordsManagers = 1, recordProcessors }: RecordServices): readonly string[] {
  const managers = Array<string>(recordsManagers).fill(recordProcessors === undefined ? recordsProcess : managerProcess);
  const processors = Array<string>(recordProcessors ?? 0).fill(processorProcess);
  return ["controller,dataset,worker-manager,telemetry", "timing", ...managers, ...processors];
}

/** All that these know is in the run's file, or is sent to them again. */
const replaceable: ReadonlySet<string> = new Set([recordsProcess, managerProcess, processorProcess]);

export interface LocalSuiteOptions {
  /** Services by process, the controller in the first. Default: what a run needs. */
  readonly processes?: readonly string[];
  /** Who reads answers and keeps rows, where `processes` does not say. */
  readonly records?: RecordServices | undefined;
  /** Program and arguments up to the subcommand: what runs `serve` of this very version. */
  readonly command: readonly string[];
  /** Folder that the runs' folders are made in. */
  readonly artifactBase: string;
  /** Worker processes at most; undefined: as many as there are cores for. */
  readonly workersMax: number | undefined;
  /** File of the user's own endpoints, absolute; undefined: none. */
  readonly endpointModule?: string | undefined;
  /** Where datasets are kept and looked for. Default: as the environment says. */
  readonly datasets?: DatasetPlaces | undefined;
  readonly logLevel: string;
  readonly logFile: string | undefined;
  /** Every line that a process logs to stderr, as it comes; absent: kept and shown only if the process dies. */
  readonly onLog?: ((line: string) => void) | undefined;
  /** Has the suite found by other commands of this user while it lives. Absent: it is nobody else's business. */
  readonly listing?: SuiteListing | undefined;
  /** A process ended that nobody asked to. */
  readonly onDeath: (death: SuiteDeath) => void;
  /** How long all of them may take to be ready. Default 30 000: a busy machine starts processes slowly. */
  readonly readyTimeoutMs?: number;
}

export interface RecordServices {
  /** Processes that share a run's rows. Default 1. */
  readonly recordsManagers?: number | undefined;
  /** Processes that read answers. Default: those that have the rows do. */
  readonly recordProcessors?: number | undefined;
}

export interface SuiteListing {
  /** Command that started it: `assay run`. */
  readonly startedBy: string;
  /** Says where the list is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** It could not be listed, for this reason; it does without. */
  readonly onProblem: (why: string) => void;
}

export interface SuiteDeath extends CompanionEnd {
  /** Another process takes its place, and the run goes on. */
  readonly isReplaced: boolean;
  /** It held the controller: the run can no longer be watched. */
  readonly isController: boolean;
}

export class LocalSuite {
  /** Of an operator of this suite. */
  readonly token = randomBytes(32).toString("base64url");
  readonly #options: LocalSuiteOptions;
  readonly #companions: Companion[];
  /** By place among the processes: several may have the same services. */
  readonly #addresses = new Map<number, string>();
  readonly #replaced = new Set<number>();
  readonly #processes: readonly string[];
  #isEnding = false;
  #unlist: () => void = () => {};

  /** Starts the processes at once, all together. */
  constructor(options: LocalSuiteOptions) {
    this.#options = options;
    this.#processes = options.processes ?? runProcesses(options.records ?? {});
    this.#companions = this.#processes.map((services) => this.#launch(services));
  }

  /**
   * The controller's address, once every process has joined. Throws `unavailable` naming who died or answered something else, and
   * `deadline_exceeded` naming who is missing; the processes are then ended already. To be called once.
   */
  async ready(): Promise<string> {
    const missing = new Map(this.#processes.entries());
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timeoutMs = this.#options.readyTimeoutMs ?? 30_000;
    const timer = setTimeout(() => {
      const who = [...missing.values()].join(" · ");
      reject(new AssayError("deadline_exceeded", `the local suite is not ready after ${timeoutMs / 1000} s, missing: ${who}`));
    }, timeoutMs);
    try {
      const address = await Promise.race([this.#join(missing), late]);
      for (const companion of this.#companions) void this.#watch(companion);
      if (!this.#isEnding) this.#list(address);
      return address;
    } catch (error) {
      await this.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets the processes end by themselves; whoever takes longer than 5 s is ended. */
  async stop(): Promise<void> {
    this.#end();
    await Promise.all(this.#companions.map((companion) => companion.stop(5000)));
  }

  /** Ends the processes now. */
  async kill(): Promise<void> {
    this.#end();
    await Promise.all(this.#companions.map((companion) => companion.kill()));
  }

  #list(address: string): void {
    const { listing } = this.#options;
    if (listing === undefined) return;
    const { startedBy, env, onProblem } = listing;
    try {
      this.#unlist = listSuite({ address, startedBy, token: this.token }, env);
    } catch (error) {
      onProblem(messageOf(error));
    }
  }

  #end(): void {
    this.#isEnding = true;
    this.#unlist();
  }

  #launch(services: string): Companion {
    const { command, onLog } = this.#options;
    return new Companion({ name: services, command: [...command, "serve", `--services=${services}`, "--bootstrap"], onLog });
  }

  async #join(missing: Map<number, string>): Promise<string> {
    const [first, ...others] = this.#companions;
    if (first === undefined) throw new AssayError("internal", "a local suite without processes");
    // Those who die while they wait for their line would otherwise be noticed only when they do not answer it.
    const early = Promise.race(others.map(async (companion) => this.#throwDeath(await companion.ended)));
    const address = await Promise.race([this.#joinOne(0, first, null), early]);
    missing.delete(0);
    await Promise.all(
      others.map(async (companion, index) => {
        await this.#joinOne(index + 1, companion, address);
        missing.delete(index + 1);
      }),
    );
    return address;
  }

  async #joinOne(index: number, companion: Companion, controller: string | null): Promise<string> {
    companion.tell(JSON.stringify(this.#bootstrap(controller)));
    const line = await companion.firstLine;
    if (line === undefined) return this.#throwDeath(await companion.ended);
    const address = addressOf(line, companion.name);
    this.#addresses.set(index, address);
    return address;
  }

  #throwDeath({ name, how, lastWords }: CompanionEnd): never {
    throw new AssayError(
      "unavailable",
      `the process of ${name} did not start: ${how}${lastWords === "" ? "" : `\n${lastWords}`}`,
    );
  }

  #bootstrap(controller: string | null, process?: { readonly port: number }): object {
    const { artifactBase, workersMax = Number.POSITIVE_INFINITY, endpointModule, datasets } = this.#options;
    const { logLevel, logFile = null } = this.#options;
    // One core is left to everything that is no worker.
    const prespawn = Math.min(workersMax, Math.max(1, availableParallelism() - 1));
    const config = {
      controller: { artifactBase },
      // Whoever runs this suite may read what it reads.
      dataset: { root: parse(artifactBase).root, ...datasets },
      "worker-manager": { prespawn },
      process: { ...process, ...(endpointModule === undefined ? {} : { endpointModule }) },
    };
    return { token: this.token, controller, logFile, logLevel, config };
  }

  async #watch(companion: Companion): Promise<void> {
    const end = await companion.ended;
    if (this.#isEnding) return;
    const index = this.#companions.indexOf(companion);
    const { name } = companion;
    const isReplaced = replaceable.has(name) && !this.#replaced.has(index);
    if (isReplaced) this.#replace(index, name);
    this.#options.onDeath({ ...end, isController: index === 0, isReplaced });
  }

  /** Once, at the same address: whoever dials it again finds the same services. One that does not start ends by itself. */
  #replace(index: number, name: string): void {
    this.#replaced.add(index);
    const successor = this.#launch(name);
    this.#companions[index] = successor;
    const port = Number(this.#addresses.get(index)?.split(":").at(-1) ?? 0);
    successor.tell(JSON.stringify(this.#bootstrap(this.#addresses.get(0) ?? null, { port })));
    void this.#watch(successor);
  }
}

function addressOf(line: string, who: string): string {
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch {
    // Refused below, together with JSON that says something else.
    answer = undefined;
  }
  if (typeof answer === "object" && answer !== null && "ready" in answer) {
    if (answer.ready === true && "address" in answer && typeof answer.address === "string") return answer.address;
    if (answer.ready === false && "error" in answer) {
      throw new AssayError("unavailable", `the process of ${who} did not start: ${String(answer.error)}`);
    }
  }
  const shown = JSON.stringify(line.slice(0, 200));
  throw new AssayError("unavailable", `the process of ${who} did not start: it answered ${shown} instead of a ready line`);
}

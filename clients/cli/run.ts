/** `assay run`: from options to an exit code. */
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import type { JsonObject } from "@bufbuild/protobuf";
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import { newRunId } from "../../services/common/run-id.ts";
import type { DrivenRun } from "../node/types.d.ts";
import { complaintLine } from "./complaints.ts";
import { placesOf } from "./dataset/places.ts";
import { exitCodes } from "./exit-codes.ts";
import { Interrupts, unlessAborted } from "./interrupts.ts";
import { LocalSuite, type RecordServices, type SuiteDeath } from "./local-suite.ts";
import { MockServer } from "./mock-server.ts";
import { brokenText, mayGoOn, outOfSight } from "./out-of-sight.ts";
import type { LiveFigures, ProgressOptions } from "./progress.ts";
import { type InputFile, pipedInput, spoolInput, withInputFile } from "./spec/piped-input.ts";
import { type RunSources, specOf } from "./spec/run-sources.ts";
import { type SuiteAddress, suiteAddress } from "./suite-address.ts";
import type { SuiteClient } from "./suite-client.ts";
import { suiteFailure, withoutCall } from "./suite-failure.ts";
import type { Terminal } from "./terminal.ts";
import { watchLoad } from "./watch-load.ts";

export interface RunContext {
  readonly terminal: Terminal;
  /** `assay run`, before complaints. */
  readonly name: string;
  /** Program and arguments up to the subcommand: starts processes of this very version. */
  readonly command: readonly string[];
  /** The command line as given, secrets masked. */
  readonly cliCommand: string;
  /** How long a run may take to end after a process of the local suite died. Default 30 000. */
  readonly deathWaitMs?: number;
  /** How long a suite elsewhere may be silent. Default: that of the library. */
  readonly silenceMs?: number;
  /** What `--input-file -` reads. Default: standard input. */
  readonly input?: Readable;
}

/** Runs one benchmark from sources that were checked. Resolves with the exit code when everything that it started has ended. */
export async function run(sources: RunSources, context: RunContext): Promise<number> {
  const interrupts = new Interrupts(context.terminal);
  const { spec } = await specOf(sources, undefined);
  const session = new Session(sources, spec, context);
  try {
    return await drive(session, interrupts);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const { controller } = sources.options;
    session.say(controller === undefined ? error.message : suiteFailure(error, sources.options));
    if (interrupts.stop.aborted) return exitCodes.interrupted;
    // A file of the command line that cannot be used.
    return error.code === "invalid_argument" ? exitCodes.usage : exitCodes.failed;
  } finally {
    if (interrupts.leave.aborted) await session.kill();
    else await session.stop();
    interrupts.close();
  }
}

async function drive(session: Session, interrupts: Interrupts): Promise<number> {
  if (!(await session.readInput(interrupts.stop))) return exitCodes.usage;
  const client = await unlessAborted(session.connect(), interrupts.stop);
  if (client === undefined) return exitCodes.interrupted;
  // From here on there may be a run: a Ctrl-C waits for its name, to stop it.
  const driven = await unlessAborted(session.create(client, interrupts.leave), interrupts.leave);
  if (driven === "refused") return exitCodes.usage;
  if (driven === undefined) return exitCodes.interrupted;
  const ended = await session.follow(driven, interrupts);
  if (ended === undefined) return exitCodes.interrupted;
  return session.conclude(ended, interrupts);
}

function workersOf({ workers }: JsonObject): number | undefined {
  const most = typeof workers === "object" && workers !== null && "max_workers" in workers ? workers.max_workers : undefined;
  return typeof most === "number" ? most : undefined;
}

function recordServicesOf({ record_managers: managers, workers }: JsonObject): RecordServices {
  const isNamed = typeof workers === "object" && workers !== null && "record_processors" in workers;
  const processors = isNamed ? workers.record_processors : undefined;
  return {
    recordsManagers: typeof managers === "number" ? managers : undefined,
    recordProcessors: typeof processors === "number" ? processors : undefined,
  };
}

/** One run, and what was started for it. */
class Session {
  readonly #sources: RunSources;
  readonly #options: RunSources["options"];
  readonly #context: RunContext;
  readonly #lost = new AbortController();
  readonly #suite: LocalSuite | undefined;
  readonly #mock: MockServer | undefined;
  #client: SuiteClient | undefined;
  #clear: () => void = () => {};
  #folder = "";
  #deathTimer: NodeJS.Timeout | undefined;
  #mockUrl: string | undefined;
  #artifactDir: string | undefined;
  #inputFile: InputFile | undefined;

  /** Starts the processes, before anything slow is loaded. */
  constructor(sources: RunSources, spec: JsonObject, context: RunContext) {
    const { options } = sources;
    this.#sources = sources;
    this.#options = options;
    this.#context = context;
    const { terminal, command } = context;
    const isVerbose = options.verbose === true;
    if (options.controller === undefined) {
      this.#suite = new LocalSuite({
        command,
        artifactBase: terminal.cwd,
        workersMax: workersOf(spec),
        records: recordServicesOf(spec),
        endpointModule: sources.endpointModule,
        datasets: placesOf(options, terminal.cwd),
        logLevel: options.logLevel ?? (isVerbose ? "debug" : "info"),
        logFile: options.logFile === undefined ? undefined : resolve(terminal.cwd, options.logFile),
        listing: {
          startedBy: context.name,
          env: terminal.env,
          onProblem: (why) => {
            if (!options.quiet) this.#note(`warning: assay watch will not find this run: ${why}`);
          },
        },
        onLog: isVerbose ? (line) => this.#note(line) : undefined,
        onDeath: (death) => this.#onDeath(death),
      });
    }
    if (options.mock) this.#mock = new MockServer(command);
  }

  /** A complaint, on stderr. */
  say(text: string): void {
    this.#note(`${this.#context.name}: ${text}`);
  }

  /** Takes in what comes on standard input or by a pipe where the dataset is that. False: it cannot be used, and why has been said. */
  async readInput(signal: AbortSignal): Promise<boolean> {
    const { spec } = await specOf(this.#sources, undefined);
    const { input = process.stdin } = this.#context;
    const piped = await pipedInput(spec, input);
    if (piped === undefined) return true;
    try {
      this.#inputFile = await spoolInput(piped, { maxBytes: this.#options.maxDatasetBytes, signal });
      return true;
    } catch (error) {
      // The rest of the way finds that out by itself.
      if (signal.aborted) return true;
      if (!(error instanceof AssayError)) throw error;
      this.say(`--input-file ${piped.path}: ${error.message}`);
      return false;
    }
  }

  /** Waits for what was started, and connects. */
  async connect(): Promise<SuiteClient> {
    const loading = import("./suite-client.ts");
    const [suite, url] = await Promise.all([this.#findSuite(), this.#mock?.ready()]);
    this.#mockUrl = url;
    this.#client = new (await loading).SuiteClient(suite);
    return this.#client;
  }

  /** Creates the run. `refused`: the spec is wrong, and why has been said. */
  async create(client: SuiteClient, leave: AbortSignal): Promise<DrivenRun | "refused"> {
    const isCreated = new AbortController();
    const signal = AbortSignal.any([leave, this.#lost.signal]);
    try {
      const spec = await this.#sentSpec(client, signal);
      const runId = newRunId();
      if (this.#isShown) void this.#watchPreparation(client, runId, AbortSignal.any([signal, isCreated.signal]));
      const silenceMs = this.#suite === undefined ? this.#context.silenceMs : ownSilenceMs;
      const intervalMs = this.#context.terminal.isErrTty ? 250 : 1000;
      const onBroken = (error: AssayError): void => this.#onBroken(error);
      return await client.createRun(spec, { runId, intervalMs, signal, silenceMs, onBroken }).finally(() => {
        isCreated.abort();
        this.#clear();
        this.#clear = () => {};
      });
    } catch (error) {
      if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
      if (!(error instanceof AssayError) || !isRefusal(error)) throw error;
      const complaints = error.violations.length > 0 ? error.violations : [{ field: "", description: error.message }];
      for (const line of new Set(complaints.map((complaint) => complaintLine(complaint, this.#sources)))) this.say(line);
      return "refused";
    } finally {
      // A run is created when its dataset has been read.
      await this.#inputFile?.remove();
    }
  }

  /** Follows the run to its end. Undefined: the second Ctrl-C came before. */
  async follow(driven: DrivenRun, interrupts: Interrupts): Promise<Run | undefined> {
    const { inFlightOf, Progress, stepEvents } = await import("./progress.ts");
    const isShown = this.#isShown;
    const progress = new Progress(progressOn(this.#context.terminal, isShown));
    this.#clear = () => progress.clear();
    const stop = (): void => {
      const isAsked = driven.cancel("Ctrl-C");
      const inFlight = inFlightOf(driven.now);
      const wait = inFlight === 0n ? "" : ` waiting${graceText(driven.now)} for ${inFlight} requests in flight;`;
      this.#note(`stopping:${isAsked ? wait : " as soon as the suite answers again;"} press Ctrl-C again to leave now`);
    };
    const over = new AbortController();
    const watched = AbortSignal.any([interrupts.leave, this.#lost.signal, over.signal]);
    let loadWatch: Promise<void> | undefined;
    if (isShown) void this.#watchLive(driven.id, watched, (seen) => progress.setLive(seen));
    interrupts.stop.addEventListener("abort", stop, { once: true });
    if (interrupts.stop.aborted) stop();
    try {
      for await (const { run: now, events, refusals, warnings } of driven) {
        if (!this.#options.quiet) for (const warning of warnings) this.#note(`warning: ${warning}`);
        for (const { code, message } of refusals) if (code !== hasEnded) this.say(`stopping the run: ${message}`);
        if (now !== undefined) {
          if (isShown && loadWatch === undefined && now.state === RunState.RUNNING) {
            loadWatch = watchLoad(this.#connected(), driven.id, watched, (load) => progress.setLive(load));
          }
          this.#folder = now.folder;
          progress.update(now);
        }
        for (const event of events) {
          // Warnings were said when the run was created.
          const isNews = event.kind !== "warning" && !stepEvents.has(event.kind);
          if (this.#options.verbose || (isShown && isNews)) this.#note(event.message);
        }
      }
      return driven.now;
    } catch (error) {
      if (interrupts.leave.aborted) return this.#leave(driven.id);
      if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
      if (!(error instanceof AssayError)) throw error;
      if (this.#suite === undefined) throw outOfSight(error, driven.id, this.#options);
      throw new AssayError(error.code, `the run is lost: ${withoutCall(error.message)}${this.#recorded()}`, { cause: error });
    } finally {
      interrupts.stop.removeEventListener("abort", stop);
      over.abort();
      progress.clear();
      this.#clear = () => {};
      clearTimeout(this.#deathTimer);
    }
  }

  /** Shows the results of an ended run. */
  async conclude(ended: Run, interrupts: Interrupts): Promise<number> {
    const { conclude } = await import("./conclusion.ts");
    const { terminal, cliCommand } = this.#context;
    const concluding = conclude(this.#connected(), ended, {
      terminal,
      cliCommand,
      isJson: this.#options.json === true,
      isQuiet: this.#options.quiet === true,
      isLocal: this.#suite !== undefined,
      artifactDir: this.#artifactDir,
      isInterrupted: interrupts.stop.aborted,
      failedRequestThreshold: this.#options.failedRequestThreshold,
      definitions: this.#options.definitions,
      isValidRequired: this.#options.requireValid === true,
      junitPath: this.#options.junit === undefined ? undefined : resolve(terminal.cwd, this.#options.junit),
      signal: interrupts.leave,
      say: (text) => this.say(text),
    });
    return (await unlessAborted(concluding, interrupts.leave)) ?? exitCodes.interrupted;
  }

  /** Lets what was started here end by itself. */
  async stop(): Promise<void> {
    this.#client?.close();
    await Promise.all([this.#suite?.stop(), this.#mock?.stop(), this.#inputFile?.remove()]);
  }

  /** Ends what was started here now. */
  async kill(): Promise<void> {
    this.#client?.close();
    await Promise.all([this.#suite?.kill(), this.#mock?.kill(), this.#inputFile?.remove()]);
  }

  async #findSuite(): Promise<SuiteAddress> {
    if (this.#suite !== undefined) return { address: await this.#suite.ready(), token: this.#suite.token };
    return suiteAddress(this.#options.controller ?? "", this.#options, this.#context.terminal.env);
  }

  #connected(): SuiteClient {
    if (this.#client === undefined) throw new AssayError("internal", "not connected to a suite");
    return this.#client;
  }

  /** A file on this host is nothing to a suite elsewhere: it is uploaded. */
  async #sentSpec(client: SuiteClient, signal: AbortSignal): Promise<JsonObject> {
    const spec = await this.#spec();
    if (this.#suite !== undefined) return spec;
    const { withUploads } = await import("./spec/uploads.ts");
    const say = (text: string): void => {
      if (!this.#options.quiet) this.#note(text);
    };
    return withUploads(spec, client, { signal, say });
  }

  /** A folder on this host is nothing to a suite elsewhere: its files are fetched. */
  async #spec(): Promise<JsonObject> {
    const { spec: asked } = await specOf(this.#sources, this.#mockUrl);
    const spec = withInputFile(asked, this.#inputFile, this.#context.terminal.cwd);
    const given = typeof spec.output === "object" && spec.output !== null && !Array.isArray(spec.output) ? spec.output : {};
    const { artifact_dir: folder, ...rest } = given;
    const output: JsonObject = { ...rest, cli_command: this.#context.cliCommand };
    if (folder === undefined) return { ...spec, output };
    this.#artifactDir = String(folder);
    return { ...spec, output: this.#suite === undefined ? output : { ...output, artifact_dir: folder } };
  }

  get #isShown(): boolean {
    return this.#options.ui !== "none" && !this.#options.quiet;
  }

  async #watchPreparation(client: SuiteClient, runId: string, signal: AbortSignal): Promise<void> {
    const { showPreparation, stepLineOn } = await import("./preparation.ts");
    if (signal.aborted) return;
    const line = stepLineOn(this.#context.terminal);
    this.#clear = () => line.clear();
    await showPreparation(client.watchPreparation(runId, signal), line, signal);
  }

  // The figures only decorate the progress line: a suite that does not give them is watched without.
  async #watchLive(runId: string, signal: AbortSignal, show: (figures: LiveFigures) => void): Promise<void> {
    try {
      for await (const { phase } of this.#connected().watchSummary(runId, signal)) {
        const metric = (wanted: string) => phase?.metrics.find(({ tag }) => tag === wanted);
        const lateness = metric("lateness");
        show({ ttftP50: metric("time_to_first_token")?.p50, latenessP50: lateness?.p50, latenessP99: lateness?.p99 });
      }
    } catch {
      show({ ttftP50: undefined, latenessP50: undefined, latenessP99: undefined });
    }
  }

  // Leaving a suite that stays: it is told to be quick about the run, and not waited for longer than the call takes.
  async #leave(runId: string): Promise<undefined> {
    if (this.#suite !== undefined) return;
    await this.#connected()
      .cancelRun(runId, true, "Ctrl-C twice")
      .catch((error) => {
        const why = suiteFailure(error, this.#options);
        this.say(`ending the run: ${why}; ${mayGoOn(runId, this.#options)}`);
      });
  }

  // The death of a process of one's own is said where it is noticed.
  #onBroken(error: AssayError): void {
    if (this.#suite === undefined && !this.#options.quiet) this.#note(brokenText(error, this.#options, this.#context.silenceMs));
  }

  #onDeath({ name, how, lastWords, isController, isReplaced }: SuiteDeath): void {
    this.say(`the process of ${name} ended unexpectedly: ${how}${isReplaced ? "; another one takes its place" : ""}`);
    if (lastWords !== "") this.#note(lastWords.replaceAll(/^/gm, "  "));
    if (isReplaced) return;
    if (isController) {
      this.#lost.abort(new AssayError("unavailable", `the run is lost with its controller${this.#recorded()}`));
      return;
    }
    const waitMs = this.#context.deathWaitMs ?? 30_000;
    const late = new AssayError("deadline_exceeded", `the run did not end within ${waitMs / 1000} s of that${this.#recorded()}`);
    this.#deathTimer ??= setTimeout(() => this.#lost.abort(late), waitMs);
  }

  /** What is left of a run that nobody ended. */
  #recorded(): string {
    if (this.#folder === "") return "";
    return `; what was recorded is in ${this.#folder}, assay runs recover makes the results of it`;
  }

  #note(text: string): void {
    this.#clear();
    this.#context.terminal.err(`${text}\n`);
  }
}

function progressOn(terminal: Terminal, isShown: boolean): ProgressOptions {
  return {
    write: (text) => {
      if (isShown) terminal.err(text);
    },
    isTty: terminal.isErrTty,
    width: () => terminal.errWidth,
    now: () => performance.now(),
  };
}

/** No network is between the command and a suite of its own: who is silent there stands still. */
const ownSilenceMs = 15_000;

/** gRPC's FAILED_PRECONDITION: a run that has ended needs not be stopped. */
const hasEnded = 9;

/** What names a field of the spec is about the spec, whatever is wrong with it there: a file may be missing, or not allowed. */
function isRefusal({ code, violations }: AssayError): boolean {
  return code === "invalid_argument" || code === "unimplemented" || violations.length > 0;
}

/** The controller waits no longer than this for a cancelled run. */
const maxCancelGraceSec = 30;

/** ` up to 30 s`: how long answers of the phase that runs are waited for, where the spec says. */
function graceText({ spec, phase }: Run): string {
  const seconds = spec?.phases.find(({ name }) => name === phase)?.graceSec;
  return seconds === undefined ? "" : ` up to ${Math.min(seconds, maxCancelGraceSec)} s`;
}

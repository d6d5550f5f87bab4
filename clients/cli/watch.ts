/** `assay watch [RUN]`: a run of a suite as it gets on, and changes of its load. */
import { hostname, userInfo } from "node:os";
import { type PhaseProgress, type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { harmless } from "../../report/text.ts";
import { AssayError } from "../../services/common/errors.ts";
import { isEnded } from "../node/follow-run.ts";
import type { DrivenRun } from "../node/types.d.ts";
import type { Asked } from "./asked.ts";
import { exitCodes } from "./exit-codes.ts";
import { brokenText, outOfSight } from "./out-of-sight.ts";
import { Progress, phaseThatRuns, stepEvents } from "./progress.ts";
import { activeLines, findActiveRuns, meantRuns } from "./runs/active.ts";
import { findRun, type SuiteUse, withSuite } from "./runs/session.ts";
import type { SuiteClient } from "./suite-client.ts";
import type { Terminal } from "./terminal.ts";
import { watchLoad } from "./watch-load.ts";
import type { watchFlags } from "./watch-options.ts";

/** What is to be changed of the load; absent: as it is. */
interface Change {
  readonly ratePerSec?: number;
  readonly concurrency?: number;
  readonly prefillConcurrency?: number;
  readonly isPaused?: boolean;
}

type AskedWatch = Asked<typeof watchFlags>;

export async function watch(asked: AskedWatch): Promise<number> {
  const { options, operands, terminal } = asked;
  if (options.controller === undefined) return watchHere(asked);
  return withSuite(asked, async (suite) => {
    const [text] = operands;
    if (text !== undefined) return use(await findRun(suite.client, text, terminal.cwd), suite, asked);
    const [run, ...others] = await suite.client.activeRuns();
    if (run === undefined) throw new AssayError("not_found", `no run goes on in the suite at ${options.controller}`);
    if (others.length === 0) return use(run, suite, asked);
    return showSeveral(activeLines([run, ...others].map((each) => ({ run: each, where: "" }))), asked);
  });
}

/** A run of one of the suites that this user has on this machine. */
async function watchHere(asked: AskedWatch): Promise<number> {
  const { options, operands, terminal, name } = asked;
  const [text] = operands;
  const complain = (line: string): void => terminal.err(`${name}: ${line}\n`);
  try {
    const { active, silent, looked } = await findActiveRuns(options, terminal.env);
    for (const line of silent) complain(line);
    const [found, ...others] = meantRuns(active, text, terminal.cwd);
    if (found !== undefined && others.length === 0) {
      return await withSuite(asked, (suite) => use(found.run, suite, asked), { address: found.suite });
    }
    if (found !== undefined) return showSeveral(activeLines([found, ...others]), asked);
    const isKnown = active.length > 0 && text !== undefined;
    complain(isKnown ? `${text}: no such run goes on on this machine; assay runs show says what became of it` : looked);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    complain(error.message);
  }
  return exitCodes.failed;
}

function showSeveral(lines: readonly string[], { name, terminal }: AskedWatch): number {
  terminal.err(`${name}: ${lines.length} runs go on, name one of them:\n`);
  for (const line of lines) terminal.err(`${line}\n`);
  return exitCodes.usage;
}

async function use(run: Run, suite: SuiteUse, asked: AskedWatch): Promise<number> {
  const { options, terminal } = asked;
  const change = changeOf(options);
  const isChange = Object.keys(change).length > 0;
  if (options.stop && !isChange && isEnded(run)) return conclude(run, terminal);
  if (isChange) await adjust(suite.client, run, change);
  if (options.stop) await suite.client.cancelRun(run.runId, false, `assay watch --stop by ${whoAsks()}`);
  if (!isChange && !options.stop) return follow(run, suite, asked);
  if (!options.quiet) terminal.out(`${run.runId}: ${options.stop ? "stopping" : textOf(change)}\n`);
  return options.follow ? follow(run, suite, asked) : exitCodes.ok;
}

function changeOf({ setRate, setConcurrency, setPrefillConcurrency, pause, resume }: AskedWatch["options"]): Change {
  return {
    ...(setRate === undefined ? {} : { ratePerSec: setRate }),
    ...(setConcurrency === undefined ? {} : { concurrency: setConcurrency }),
    ...(setPrefillConcurrency === undefined ? {} : { prefillConcurrency: setPrefillConcurrency }),
    ...(pause ? { isPaused: true } : resume ? { isPaused: false } : {}),
  };
}

function textOf({ ratePerSec, concurrency, prefillConcurrency, isPaused }: Change): string {
  const parts = [
    ...(ratePerSec === undefined ? [] : [`rate ${ratePerSec} per second`]),
    ...(concurrency === undefined ? [] : [`concurrency ${concurrency}`]),
    ...(prefillConcurrency === undefined ? [] : [`prefill concurrency ${prefillConcurrency}`]),
    ...(isPaused === undefined ? [] : [isPaused ? "paused" : "resumed"]),
  ];
  return parts.join(", ");
}

/** Of the phase that runs; where none does, the controller says so. */
async function adjust(client: SuiteClient, run: Run, change: Change): Promise<void> {
  await client.adjustRun(run.runId, { phase: phaseIndexOf(run), requestedBy: whoAsks(), ...change });
}

function phaseIndexOf({ phase, phases }: Run): number {
  return Math.max(
    0,
    phases.findIndex(({ name }) => name === phase),
  );
}

/** `ann@laptop`, for the run's timeline. */
function whoAsks(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // The user has no name on this host.
    return hostname();
  }
}

/** To the end of the run, whose state decides the exit code, or until somebody leaves it alone. Keys change its load. */
async function follow(run: Run, { client, signal }: SuiteUse, { options, terminal, name }: AskedWatch): Promise<number> {
  if (isEnded(run)) return conclude(run, terminal);
  const left = new AbortController();
  const over = new AbortController();
  const progress = new Progress({
    write: (text) => {
      if (!options.quiet) terminal.err(text);
    },
    isTty: terminal.isErrTty,
    width: () => terminal.errWidth,
    now: () => performance.now(),
  });
  let last = run;
  let loadWatch: Promise<void> | undefined;
  const say = (text: string): void => {
    progress.clear();
    terminal.err(`${text}\n`);
  };
  let driven: DrivenRun | undefined;
  const release = terminal.onKey?.((key) => {
    if (key === "q") left.abort();
    else if (!steer(key, driven, last)) say(`${name}: nothing was changed: the suite does not answer`);
  });
  try {
    driven = await client.driveRun(run.runId, {
      signal: AbortSignal.any([signal, left.signal]),
      intervalMs: terminal.isErrTty ? 250 : 1000,
      requestedBy: whoAsks(),
      onBroken: (error) => {
        if (!options.quiet) say(brokenText(error, options));
      },
    });
    for await (const { run: now, events, refusals } of driven) {
      for (const refusal of refusals) say(`${name}: ${harmless(refusal.message)}`);
      for (const event of events) if (!stepEvents.has(event.kind)) say(harmless(event.message));
      if (now === undefined) continue;
      last = now;
      if (loadWatch === undefined && !options.quiet && now.state === RunState.RUNNING) {
        const watched = AbortSignal.any([signal, left.signal, over.signal]);
        loadWatch = watchLoad(client, run.runId, watched, (load) => progress.setLive(load));
      }
      progress.update(now);
    }
    progress.clear();
    return conclude(last, terminal);
  } catch (error) {
    progress.clear();
    if (left.signal.aborted) return exitCodes.ok;
    throw error instanceof AssayError ? outOfSight(error, run.runId, options) : error;
  } finally {
    over.abort();
    await loadWatch;
    release?.();
  }
}

/** False: what the key means could not be asked for. */
function steer(key: string, driven: DrivenRun | undefined, run: Run): boolean {
  if (key === "s") return driven?.cancel("assay watch") === true;
  const change = changeOfKey(key, run);
  return change === undefined || driven?.adjust(change) === true;
}

function conclude({ runId, state, reason, folder }: Run, terminal: Terminal): number {
  const isDone = state === RunState.COMPLETED;
  const why = reason === "" ? "" : `: ${harmless(reason)}`;
  terminal.out(`${runId}: ${(RunState[state] ?? "ended").toLowerCase()}${why} (${harmless(folder)})\n`);
  return isDone ? exitCodes.ok : exitCodes.failed;
}

/** A tenth more or less, of a rate where there is one; pause, or go on. Undefined: the key means nothing now. */
export function changeOfKey(key: string, run: Run): Change | undefined {
  const phase = phaseThatRuns(run);
  if (phase === undefined) return undefined;
  if (key === "p") return { isPaused: !phase.isPaused };
  if (key !== "+" && key !== "-") return undefined;
  const factor = key === "+" ? 1.1 : 1 / 1.1;
  const rate = rateOf(phase, run);
  if (rate !== undefined) return { ratePerSec: Number((rate * factor).toPrecision(6)) };
  const concurrency = concurrencyOf(phase, run);
  if (concurrency === undefined) return undefined;
  const step = key === "+" ? Math.max(1, Math.round(concurrency * 0.1)) : -Math.max(1, Math.round(concurrency / 11));
  return { concurrency: Math.max(1, concurrency + step) };
}

function rateOf(phase: PhaseProgress, { spec }: Run): number | undefined {
  const load = spec?.phases[phase.index]?.load;
  if (load?.case !== "rate") return undefined;
  const { ratePerSec, bursts } = load.value;
  const given = bursts === undefined ? ratePerSec : bursts.size / bursts.intervalSec;
  return phase.ratePerSec ?? (given > 0 ? given : undefined);
}

function concurrencyOf(phase: PhaseProgress, { spec }: Run): number | undefined {
  const load = spec?.phases[phase.index]?.load;
  return phase.concurrency ?? (load?.case === "concurrency" ? load.value.limit : undefined);
}

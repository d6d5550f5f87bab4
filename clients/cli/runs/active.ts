/** Runs that go on, in one suite or in all that this user has on this machine, and which of them is meant. */
import { resolve } from "node:path";
import type { Run } from "../../../gen/assay/controller/v1/controller_pb.js";
import { harmless } from "../../../report/text.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { type FoundSuite, findSuites } from "../../../services/common/suite-files.ts";
import { listedAddress, type SuiteAddress, type SuiteOptions } from "../suite-address.ts";
import type { SuiteClient } from "../suite-client.ts";
import { suiteFailure } from "../suite-failure.ts";
import { stateOf } from "./run-view.ts";

/** A run that waits or goes on. */
export interface ActiveRun {
  readonly run: Run;
  readonly suite: SuiteAddress;
  /** Of its suite, for people: `127.0.0.1:7400`. */
  readonly where: string;
}

/** What was found where no suite was named. */
export interface FoundRuns {
  readonly active: readonly ActiveRun[];
  /** Suites that did not answer, one line each. */
  readonly silent: readonly string[];
  /** Why there may be none, for people. */
  readonly looked: string;
}

/** Asks every suite of this user on this machine. Throws as `findSuites`. */
export async function findActiveRuns(
  options: SuiteOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<FoundRuns> {
  const { suites, strangers, folder } = findSuites(env);
  const silent: string[] = [];
  const asked = suites.map(async (suite): Promise<ActiveRun[]> => {
    try {
      return await runsOf(suite, options);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      silent.push(`${nameOf(suite)}: ${suiteFailure(error, { controller: suite.address, ...options })}`);
      return [];
    }
  });
  const active = (await Promise.all(asked)).flat();
  const others = strangers === 0 ? "" : `, ${strangers} there belong to other users`;
  const looked =
    suites.length === 0
      ? `no suite of yours runs on this machine (looked in ${folder}${others}); --controller names one elsewhere`
      : `no run goes on in ${suites.map(nameOf).join(", ")}`;
  return { active, silent, looked };
}

/** Those that the words mean: an id, the beginning of one, a folder, `latest`; undefined: all of them. */
export function meantRuns(active: readonly ActiveRun[], text: string | undefined, cwd: string): readonly ActiveRun[] {
  if (text === undefined) return active;
  const newest = [...active].sort((one, other) => createdAt(other) - createdAt(one));
  if (text === "latest") return newest.slice(0, 1);
  const exact = active.filter(({ run }) => run.runId === text);
  if (exact.length > 0) return exact;
  const folder = resolve(cwd, text);
  return newest.filter(({ run }) => run.runId.startsWith(text) || run.folder === folder);
}

/** A line each, so that one can be named: id, state, suite, name. */
export function activeLines(active: readonly Pick<ActiveRun, "run" | "where">[]): string[] {
  const rows = active.map(({ run, where }) => [run.runId, stateOf(run), where, harmless(run.name)]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}

async function runsOf(found: FoundSuite, options: SuiteOptions): Promise<ActiveRun[]> {
  const [suite, { SuiteClient }] = await Promise.all([listedAddress(found, options), import("../suite-client.ts")]);
  const client: SuiteClient = new SuiteClient(suite);
  try {
    const runs = await client.activeRuns();
    return runs.map((run) => ({ run, suite, where: nameOf(found) }));
  } finally {
    client.close();
  }
}

function nameOf({ address, startedBy, pid }: FoundSuite): string {
  return `${address} (${startedBy}, process ${pid})`;
}

function createdAt({ run: { createTime } }: ActiveRun): number {
  return createTime === undefined ? 0 : Number(createTime.seconds) * 1e9 + createTime.nanos;
}

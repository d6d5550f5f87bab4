/** `assay runs recover RUN`: finishes a run whose processes were all killed, from its file alone. Prints what was saved. */
import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { AssayError, messageOf } from "./common/errors.ts";
import { defaultRunsDir } from "./common/floor-store.ts";
import { RUN_FILE } from "./common/run-file.ts";
import { type CatalogEntry, isAlive, RunCatalog } from "./controller/catalog.ts";

const endedStates: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** Exit code: 0 recovered or whole already, 1 failed. */
export async function recover([text = "", reason = "its processes were killed"]: readonly string[]): Promise<number> {
  const { recoverRun } = await import("./records-manager/recover.ts");
  const { exportRun } = await import("./records-manager/exports/export-run.ts");
  let catalog: RunCatalog | undefined;
  try {
    catalog = openCatalog();
    const { folder, entry } = findRun(text, catalog);
    refuseUnderWay(entry);
    const { isRecovered, summary } = recoverRun(folder, reason);
    exportRun({ folder });
    const { state, endedWallNs, runId } = summary;
    if (entry !== undefined) catalog?.put({ ...entry, state, endedWallNs });
    const phases = summary.phases.map(
      ({ name, counts }) => `${name}: ${counts.succeeded} succeeded, ${counts.errored} errored, ${counts.cancelled} cancelled`,
    );
    process.stdout.write(`${isRecovered ? "recovered" : "whole already"}: run ${runId}, ${state}; ${phases.join("; ")}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`assay runs recover: ${messageOf(error)}\n`);
    return 1;
  } finally {
    catalog?.close();
  }
}

/** That of this machine's own suites; undefined: there is none yet. */
function openCatalog(): RunCatalog | undefined {
  const path = join(process.env.ASSAY_RUNS_DIR ?? defaultRunsDir(process.env), "catalog.db");
  return existsSync(path) ? RunCatalog.open(path) : undefined;
}

interface FoundRun {
  readonly folder: string;
  /** Undefined: the catalog does not know it. */
  readonly entry: CatalogEntry | undefined;
}

/** By the path of its folder or of its file, by its id or the beginning of that, or `latest`. */
function findRun(text: string, catalog: RunCatalog | undefined): FoundRun {
  const path = resolve(text);
  const folder = basename(path) === RUN_FILE ? dirname(path) : path;
  const known = catalog?.list({ limit: 1000 }) ?? [];
  if (existsSync(join(folder, RUN_FILE))) return { folder, entry: known.find((entry) => entry.folder === folder) };
  const meant = text === "latest" ? known.slice(0, 1) : known.filter(({ runId }) => runId.startsWith(text));
  const [entry, other] = meant;
  if (entry === undefined) {
    throw new AssayError("not_found", `there is no run "${text}": neither a folder with a ${RUN_FILE} nor a run of the catalog`);
  }
  if (other !== undefined) {
    throw new AssayError("invalid_argument", `"${text}" is the beginning of several runs: ${entry.runId}, ${other.runId}`);
  }
  return { folder: entry.folder, entry };
}

/** Two writers of one file would spoil each other's accounts. */
function refuseUnderWay(entry: CatalogEntry | undefined): void {
  if (entry?.owner === undefined || endedStates.has(entry.state) || !isAlive(entry.owner)) return;
  throw new AssayError("failed_precondition", `run ${entry.runId} belongs to process ${entry.owner.pid}, which is alive`);
}

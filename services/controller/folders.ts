/** Where a run's files go. */
import { existsSync, mkdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AssayError, messageOf } from "../common/errors.ts";
import { exportFileName, exportNames } from "../common/export-files.ts";
import { MAX_SHARDS, shardFolderName } from "../common/record-shard.ts";

/** Files that every run writes; those of an earlier run in a folder that was named are replaced. */
const runFiles = ["run.db", "run.db-wal", "run.db-shm", "logs/assay.log"];
const maxTries = 10_000;

export interface FolderOptions {
  /** Runs of this suite lie below this folder, by their ids. */
  readonly runsDir: string;
  /** Set for a suite that belongs to one person on one machine: runs go where their spec says, relative to this folder. */
  readonly artifactBase: string | undefined;
}

/** What a run's spec says about its files. */
export interface RunFiles {
  /** The run's name. */
  readonly name: string;
  /** As the spec names it; empty: `artifacts/<name>`, with a number behind it where that is taken. */
  readonly artifactDir: string;
  /** With which the names of exported files begin; empty: they have their usual names. */
  readonly exportPrefix: string;
}

/** Makes the folder of a run and returns its path. Throws `failed_precondition`, naming the path, where it cannot be made. */
export function makeRunFolder(
  { runsDir, artifactBase }: FolderOptions,
  runId: string,
  { name, artifactDir, exportPrefix }: RunFiles,
): string {
  if (artifactBase === undefined) return make(join(runsDir, runId));
  if (artifactDir !== "") {
    const folder = makeNamed(resolve(artifactBase, artifactDir));
    removeFiles(folder, exportPrefix);
    return folder;
  }
  const parent = make(join(artifactBase, "artifacts"));
  const safeName = name.replaceAll(/[/\\]/g, "_");
  for (let number = 1; number <= maxTries; number++) {
    const folder = join(parent, number === 1 ? safeName : `${safeName}-${number}`);
    if (existsSync(folder)) continue;
    // Another suite may take the same name at this very moment: whoever makes the folder has it.
    if (makeExclusive(folder)) return folder;
  }
  throw new AssayError("failed_precondition", `${parent} holds ${maxTries} runs of ${name} already`);
}

/** Removes the files of a run, and its folder unless that holds something else. Throws `failed_precondition`, naming the path. */
export function removeRunFiles(folder: string, exportPrefix: string): void {
  try {
    removeFiles(folder, exportPrefix);
    removeEmpty(join(folder, "logs"));
    removeEmpty(folder);
  } catch (error) {
    throw new AssayError("failed_precondition", `folder ${folder} cannot be removed: ${messageOf(error)}`, { cause: error });
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].some((code) => hasCode(error, code))) throw error;
  }
}

/** Under the usual names too: a run before may have had no prefix. */
function removeFiles(folder: string, exportPrefix: string): void {
  const exported = exportNames.flatMap((name) => [exportFileName(name, exportPrefix), exportFileName(name, "")]);
  for (const file of [...runFiles, ...exported]) rmSync(join(folder, file), { force: true });
  // Of a run whose processes were killed.
  for (let shard = 1; shard < MAX_SHARDS; shard++) {
    rmSync(join(folder, shardFolderName(shard)), { recursive: true, force: true });
  }
}

function make(folder: string): string {
  try {
    makeAll(folder);
    return folder;
  } catch (error) {
    throw new AssayError("failed_precondition", `folder ${folder} cannot be made: ${messageOf(error)}`, { cause: error });
  }
}

/** As `make`, of a folder that the spec names: what is wrong with it is wrong with the spec. */
function makeNamed(folder: string): string {
  try {
    return make(folder);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const violations = [{ field: "output.artifact_dir", description: error.message }];
    throw new AssayError(error.code, error.message, { violations, cause: error });
  }
}

/** Not `recursive`: where a file system refuses a folder as missing, as /proc does, Node tries again for ever. */
function makeAll(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(folder);
  if (parent !== folder) makeAll(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another suite may have made it at this very moment.
    if (!hasCode(error, "EEXIST") || !statSync(folder).isDirectory()) throw error;
  }
}

function makeExclusive(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw new AssayError("failed_precondition", `folder ${folder} cannot be made: ${messageOf(error)}`, { cause: error });
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

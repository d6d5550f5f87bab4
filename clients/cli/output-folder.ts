/** The folder that a run on this machine writes into, looked at before anything is started. */
import { access, constants, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { complaintLine } from "./complaints.ts";
import { type RunSources, specOf } from "./spec/run-sources.ts";

/** What keeps the run from writing its files, in one line, as far as it can be seen without making anything. */
export async function outputProblem(sources: RunSources): Promise<string | undefined> {
  const { output } = (await specOf(sources, undefined)).spec;
  const named =
    typeof output === "object" && output !== null && "artifact_dir" in output ? String(output.artifact_dir) : undefined;
  const folder = named ?? resolve(sources.cwd, "artifacts");
  const description = await writeProblem(folder);
  if (description === undefined) return undefined;
  return named === undefined
    ? `the folder for results, ${folder}: ${description}`
    : complaintLine({ field: "output.artifact_dir", description }, sources);
}

/** Looks at the folder, or at the nearest one above that is there. */
async function writeProblem(folder: string): Promise<string | undefined> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined && dirname(folder) !== folder) return writeProblem(dirname(folder));
  if (!found?.isDirectory()) return `${folder} is no folder`;
  try {
    await access(folder, constants.W_OK);
    return undefined;
  } catch {
    // Why exactly is the file system's affair.
    return `${folder} cannot be written`;
  }
}

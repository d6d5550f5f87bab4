/** The files of a run: those that a local suite wrote, or those fetched from a remote one. */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ExportRunResponse } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { AssayError, messageOf } from "../../services/common/errors.ts";

/** Names of the files in a folder, sorted; none where it cannot be read. */
export async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .sort();
  } catch {
    // The list is a convenience; where the run's folder is has been said.
    return [];
  }
}

/**
 * Writes files from their parts into a folder, which is made. A file appears under its name when it is whole, in place of an older one.
 *
 * @returns names of the files written
 * @throws `data_loss` when the stream ends inside a file, `failed_precondition` naming a path that cannot be written
 */
export async function writeFiles(folder: string, parts: AsyncIterable<ExportRunResponse>): Promise<string[]> {
  const written: string[] = [];
  let current: { readonly name: string; readonly handle: FileHandle } | undefined;
  try {
    await mkdir(folder, { recursive: true });
    for await (const { file, data, isLast } of parts) {
      const name = checkedName(file);
      if (current !== undefined && current.name !== name) throw cutOff(current.name);
      current ??= { name, handle: await open(partial(folder, name), "w") };
      await current.handle.writeFile(data);
      if (!isLast) continue;
      await current.handle.close();
      await rename(partial(folder, name), join(folder, name));
      written.push(name);
      current = undefined;
    }
    if (current !== undefined) throw cutOff(current.name);
    return written;
  } catch (error) {
    if (current !== undefined) await discard(current.handle, partial(folder, current.name));
    if (error instanceof AssayError) throw error;
    throw new AssayError("failed_precondition", `writing into ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Writes the one file that the parts are of to a path, whose folder is made; likewise, `data_loss` for a second file. What is there and
 * no file, a folder or a device, is not replaced: `failed_precondition`.
 */
export async function writeFile(path: string, parts: AsyncIterable<ExportRunResponse>): Promise<void> {
  const known = await stat(path).catch(() => undefined);
  if (known !== undefined && !known.isFile()) {
    const what = known.isDirectory() ? "a folder" : "no file";
    throw new AssayError("failed_precondition", `${path} is ${what}: expected the path of a file`);
  }
  const name = basename(path);
  const renamed = async function* (): AsyncGenerator<ExportRunResponse> {
    let first: string | undefined;
    for await (const part of parts) {
      first ??= part.file;
      if (part.file !== first) throw new AssayError("data_loss", `the suite sent ${part.file} beside ${first}`);
      yield { ...part, file: name };
    }
  };
  await writeFiles(dirname(path), renamed());
}

function partial(folder: string, name: string): string {
  return join(folder, `${name}.part`);
}

async function discard(handle: FileHandle, path: string): Promise<void> {
  // What went wrong before is what is told; a partial file that stays does no harm.
  await handle.close().catch(() => {});
  await rm(path, { force: true }).catch(() => {});
}

/** A suite names files, never places. */
function checkedName(file: string): string {
  if (file !== "" && file !== "." && file !== ".." && basename(file) === file && !file.includes("\\")) return file;
  throw new AssayError("data_loss", `the suite sent a file by the name ${JSON.stringify(file)}`);
}

function cutOff(name: string): AssayError {
  return new AssayError("data_loss", `${name} ended in the middle`);
}

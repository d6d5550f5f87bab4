/** The files of a run: those that a local suite wrote, or those fetched from a remote one. */
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
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
  let open: { readonly name: string; readonly stream: WriteStream } | undefined;
  try {
    await mkdir(folder, { recursive: true });
    for await (const { file, data, isLast } of parts) {
      const name = checkedName(file);
      if (open !== undefined && open.name !== name) throw cutOff(open.name);
      open ??= { name, stream: createWriteStream(join(folder, `${name}.part`), { mode: 0o644 }) };
      await write(open.stream, data);
      if (!isLast) continue;
      await close(open.stream);
      await rename(join(folder, `${name}.part`), join(folder, name));
      written.push(name);
      open = undefined;
    }
    if (open !== undefined) throw cutOff(open.name);
    return written;
  } catch (error) {
    if (open !== undefined) {
      open.stream.destroy();
      await rm(join(folder, `${open.name}.part`), { force: true });
    }
    if (error instanceof AssayError) throw error;
    throw new AssayError("failed_precondition", `writing into ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

/** A suite names files, never places. */
function checkedName(file: string): string {
  if (file !== "" && file !== "." && file !== ".." && basename(file) === file && !file.includes("\\")) return file;
  throw new AssayError("data_loss", `the suite sent a file by the name ${JSON.stringify(file)}`);
}

function cutOff(name: string): AssayError {
  return new AssayError("data_loss", `${name} ended in the middle`);
}

async function write(stream: WriteStream, data: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  stream.write(data, (error) => (error ? reject(error) : resolve()));
  await promise;
}

async function close(stream: WriteStream): Promise<void> {
  stream.end();
  await once(stream, "close");
}

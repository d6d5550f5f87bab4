/** A file that is read at any place needs to lie uncompressed: beside the system's other temporary files, without a name. */
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ByteBudget } from "./byte-budget.ts";
import { readError } from "./file-errors.ts";
import { OpenFile } from "./open-file.ts";

/** Open; gone when it is closed. Throws what is wrong with the file, and what the budget throws. */
export async function uncompressedFile(file: OpenFile, budget: ByteBudget): Promise<OpenFile> {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), "assay-dataset-"));
    const target = join(folder, "uncompressed");
    const handle = await open(target, "wx", 0o600);
    try {
      for await (const piece of file.pieces()) {
        budget.take(piece.length);
        await handle.write(piece);
      }
    } finally {
      await handle.close();
    }
    return new OpenFile(target, file.path);
  } catch (error) {
    throw readError(file.path, error);
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

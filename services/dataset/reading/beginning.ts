/** The beginning of a file, which tells what it is. Everything here may block. */
import { statSync } from "node:fs";
import { containerKind, headBytes } from "../core/containers/kind.ts";
import { OpenFile } from "./open-file.ts";

/** As many pieces as tell what a file is, of which they are the first; all of it where that is less. */
export async function beginningOf(pieces: AsyncGenerator<Uint8Array>): Promise<Uint8Array[]> {
  const begun: Uint8Array[] = [];
  for (let bytes = 0; bytes < headBytes; ) {
    const last = begun.at(-1);
    // Asking for the next one takes it away.
    if (last !== undefined) begun[begun.length - 1] = new Uint8Array(last);
    const { value: piece, done } = await pieces.next();
    if (done) break;
    bytes += piece.length;
    begun.push(piece);
  }
  return begun;
}

/** @param name of the file, without folders */
export function kindOf(name: string, begun: readonly Uint8Array[]): ReturnType<typeof containerKind> {
  return containerKind(name, Buffer.concat(begun).subarray(0, headBytes));
}

/** Whether a file begins as one of those that are read; true of a folder. Throws what is wrong with the file. */
export async function beginsWell(realPath: string, path: string, name: string): Promise<boolean> {
  if (statSync(realPath, { throwIfNoEntry: false })?.isFile() !== true) return true;
  const file = new OpenFile(realPath, path);
  const pieces = file.pieces();
  try {
    return !("refusal" in kindOf(name, await beginningOf(pieces)));
  } finally {
    await pieces.return(undefined);
    file.close();
  }
}

/** A folder of pictures that synthetic images are made of. */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { AssayError, messageOf } from "../../common/errors.ts";
import { mediaHeadBytes, mediaType } from "../core/formats/media.ts";
import { readablePath } from "../readable-path.ts";

export interface ImageFolder {
  /** Where that really is. */
  readonly folder: string;
  /** Names of its PNG and JPEG files, in the order of their bytes. */
  readonly files: readonly string[];
  /** What of it was passed over, for people; undefined: nothing. */
  readonly leftOut: string | undefined;
}

const field = "dataset.synthetic.images.source";
const heads = /\.(png|jpe?g)$/i;

/**
 * Lists the pictures and looks at their first bytes; they are read when they are needed.
 *
 * @param root as of `readablePath`
 * @throws as `readablePath`, and `invalid_argument` where there is no picture, or a file that is called one is none
 */
export async function imageFolder(path: string, root: string | undefined, signal: AbortSignal): Promise<ImageFolder> {
  const folder = await readablePath(path, root, field);
  const names = await readdir(folder).catch((error: unknown) => {
    throw problem(`${path}: expected a folder of pictures: ${messageOf(error)}`, error);
  });
  const files = names.filter((name) => heads.test(name) && !name.startsWith(".")).sort((one, other) => (one < other ? -1 : 1));
  if (files.length === 0) throw problem(`${path}: there is no file that ends with .png, .jpg or .jpeg`);
  for (const name of files) {
    signal.throwIfAborted();
    const real = await readablePath(join(folder, name), root, field);
    const found = mediaType(await headOf(real), "image");
    const isRead = "type" in found && (found.type === "image/png" || found.type === "image/jpeg");
    if (!isRead)
      throw problem(`${join(path, name)}: expected a PNG or JPEG file, got ${"type" in found ? found.type : "something else"}`);
  }
  const others = names.length - files.length;
  const leftOut =
    others === 0 ? undefined : `${path}: ${others} of ${names.length} files are neither .png nor .jpg and are left out`;
  return { folder, files, leftOut };
}

async function headOf(path: string): Promise<string> {
  const file = await open(path).catch((error: unknown) => {
    throw problem(`${path}: cannot be read: ${messageOf(error)}`, error);
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(mediaHeadBytes), 0, mediaHeadBytes, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } catch (error) {
    throw problem(`${path}: cannot be read: ${messageOf(error)}`, error);
  } finally {
    await file.close();
  }
}

function problem(description: string, cause?: unknown): AssayError {
  return new AssayError("invalid_argument", `${field}: ${description}`, { cause, violations: [{ field, description }] });
}

/** The token of a suite that was not started here. */
import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { AssayError, messageOf } from "../../services/common/errors.ts";

/**
 * From the file named, else from $ASSAY_TOKEN, else from the file that `assay serve` wrote on this host, if there is one.
 * Throws `invalid_argument` for a file that cannot be read, is empty, or was not named and is open to others.
 */
export async function findToken(
  tokenFile: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  if (tokenFile !== undefined) return readToken(tokenFile);
  const given = env.ASSAY_TOKEN?.trim() ?? "";
  if (given !== "") return given;
  const own = join(env.XDG_RUNTIME_DIR || join(env.HOME || homedir(), ".cache"), "assay", "token");
  const found = await stat(own).catch(() => undefined); // No such file: nothing serves here, or without a token.
  if (found === undefined) return undefined;
  if ((found.mode & 0o077) !== 0) throw new AssayError("invalid_argument", `the token in ${own} is open to others: chmod 600 it`);
  return readToken(own);
}

async function readToken(path: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new AssayError("invalid_argument", `reading the token from ${path}: ${messageOf(error)}`, { cause: error });
  }
  if (text === "" || /\s/.test(text)) throw new AssayError("invalid_argument", `the token in ${path} must be one word`);
  return text;
}

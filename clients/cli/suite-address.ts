/** How a suite that was not started here is reached: its token, and TLS. */
import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { AssayError, messageOf } from "../../services/common/errors.ts";
import type { ClientTls } from "../../services/common/rpc/channel.ts";

export interface SuiteAddress {
  /** Of the controller, `host:port`. */
  readonly address: string;
  readonly token: string | undefined;
  /** Absent: in clear. */
  readonly tls?: ClientTls | undefined;
}

/** Options of commands that talk to a suite. */
export interface SuiteOptions {
  readonly tokenFile?: string;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Throws `invalid_argument` naming the file for one that cannot be read, and as `findToken`. */
export async function suiteAddress(
  address: string,
  options: SuiteOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<SuiteAddress> {
  const { tlsCa, tlsCert, tlsKey } = options;
  const [token, ca, cert, key] = await Promise.all([
    findToken(options.tokenFile, env),
    readPem("--tls-ca", tlsCa),
    readPem("--tls-cert", tlsCert),
    readPem("--tls-key", tlsKey),
  ]);
  const files = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return { address, token, tls: options.tls || Object.keys(files).length > 0 ? files : undefined };
}

async function readPem(option: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new AssayError("invalid_argument", `${option} ${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * From the file named, else from $ASSAY_TOKEN, else from the file that `assay serve` wrote on this host, if there is one.
 * Throws `invalid_argument` for a file that cannot be read, is empty, or was not named and is open to others.
 */
async function findToken(
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

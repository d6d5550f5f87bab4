/** How a suite that was not started here is reached: its token, and TLS. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { AssayError } from "../../services/common/errors.ts";
import { isLoopbackHost } from "../../services/common/rpc/auth.ts";
import type { ClientTls } from "../../services/common/rpc/channel.ts";
import { watchPems } from "../../services/common/rpc/tls-files.ts";
import { type WatchedToken, watchToken } from "../../services/common/rpc/token-file.ts";
import { type ListedSuite, ownFolder } from "../../services/common/suite-files.ts";

export interface SuiteAddress {
  /** Of the controller, `host:port`. */
  readonly address: string;
  readonly token: string | WatchedToken | undefined;
  /** Absent: in clear. */
  readonly tls?: ClientTls | undefined;
  /** The token may go in clear to another host. */
  readonly allowPlaintext?: boolean | undefined;
}

/** Options of commands that talk to a suite. */
export interface SuiteOptions {
  readonly tokenFile?: string;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly insecure?: boolean;
}

/** Throws `invalid_argument` naming the file for one that cannot be read, and as `findToken`. */
export async function suiteAddress(
  address: string,
  options: SuiteOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<SuiteAddress> {
  const tls = tlsOf(options);
  const isPrivate = tls !== undefined || isLoopbackHost(address.replace(/:\d+$/, ""));
  return { address, token: await findToken(options.tokenFile, env, isPrivate), tls, ...plaintextOf(options) };
}

/** Of a suite that listed itself on this host; `options` go before what it says of its TLS. Throws as `suiteAddress`. */
export async function listedAddress(listed: ListedSuite, options: SuiteOptions): Promise<SuiteAddress> {
  const { address, tokenFile, isTls, tlsCa } = listed;
  const own = { ...(isTls === true ? { tls: true } : {}), ...(tlsCa === undefined ? {} : { tlsCa }) };
  const token = tokenFile === undefined ? listed.token : watchToken(tokenFile);
  return { address, token, tls: tlsOf({ ...own, ...options }), ...plaintextOf(options) };
}

function plaintextOf({ insecure }: SuiteOptions): Pick<SuiteAddress, "allowPlaintext"> {
  return insecure === true ? { allowPlaintext: true } : {};
}

function tlsOf({ tls: isAsked, tlsCa, tlsCert, tlsKey }: SuiteOptions): ClientTls | undefined {
  const paths = { ca: tlsCa, cert: tlsCert, key: tlsKey };
  // A run takes hours, and may have to connect again.
  if (Object.values(paths).some((path) => path !== undefined)) return { watched: watchPems(paths) };
  return isAsked ? {} : undefined;
}

/**
 * From the file named, else from $ASSAY_TOKEN, else from the file that `assay serve` wrote on this host, if there is one, and if the way is
 * `isPrivate`: nobody asked that it be sent anywhere. Throws `invalid_argument` for a file that cannot be read, is empty, or was not named and is open to others.
 */
async function findToken(
  tokenFile: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  isPrivate: boolean,
): Promise<string | WatchedToken | undefined> {
  if (tokenFile !== undefined) return watchToken(tokenFile);
  const given = env.ASSAY_TOKEN?.trim() ?? "";
  if (given !== "") return given;
  if (!isPrivate) return undefined;
  const own = join(ownFolder(env), "token");
  const found = await stat(own).catch(() => undefined); // No such file: nothing serves here, or without a token.
  if (found === undefined) return undefined;
  if ((found.mode & 0o077) !== 0) throw new AssayError("invalid_argument", `the token in ${own} is open to others: chmod 600 it`);
  return watchToken(own);
}

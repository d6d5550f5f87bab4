/** `import { connect } from "assay"`. What it promises is written at its types. */
import { readFile } from "node:fs/promises";
import * as errors from "../../services/common/errors.ts";
import type { ClientTls } from "../../services/common/rpc/channel.ts";
import { findSuites } from "../../services/common/suite-files.ts";
import { openSuite, type SuiteReach } from "./suite.ts";
import type * as types from "./types.d.ts";

/** A value of its own, so that the compiler holds the class against its published type. */
export const AssayError: typeof types.AssayError = errors.AssayError;

const connectTimeoutMs = 10_000;

/** As `types.d.ts` promises. */
export async function connect(options: types.ConnectOptions = {}): Promise<types.Suite> {
  const { timeoutMs = connectTimeoutMs, signal } = options;
  const { recordBatchesOf: _, ...suite } = openSuite(
    options.address === undefined ? await listedReach(options) : reachOf(options),
  );
  try {
    const { version } = await suite.suite.getSuite({}, { timeoutMs, signal });
    // The two types say the same of every service, which the compiler cannot see for an open one.
    return { ...suite, version, client: suite.client as unknown as types.Suite["client"] };
  } catch (error) {
    suite.close();
    throw error;
  }
}

function reachOf({ address = "", token, tls, allowPlaintext }: types.ConnectOptions): SuiteReach {
  if (!/^\S+:\d+$/.test(address)) throw new AssayError("invalid_argument", `address: must be host:port, got "${address}"`);
  return { address, token, tls: tls === undefined ? undefined : tlsOf(tls), allowPlaintext };
}

/** Of the one suite of this user that runs on this host, what is given going before what it says of itself. */
async function listedReach(options: types.ConnectOptions): Promise<SuiteReach> {
  const { suites, folder } = findSuites(process.env);
  const [suite, ...others] = suites;
  if (suite === undefined) throw new AssayError("not_found", `no suite of yours runs on this host (looked in ${folder})`);
  if (others.length > 0) {
    const addresses = suites.map(({ address }) => address).join(", ");
    throw new AssayError("failed_precondition", `${suites.length} suites run on this host, name one of them: ${addresses}`);
  }
  const { address, tokenFile, isTls, tlsCa } = suite;
  const [token, ca] = await Promise.all([tokenFile === undefined ? suite.token : textOf(tokenFile), textOf(tlsCa)]);
  const tls = isTls === true ? { ...(ca === undefined ? {} : { ca }), ...options.tls } : options.tls;
  return reachOf({ ...options, address, token: options.token ?? token?.trim(), tls });
}

async function textOf(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new AssayError("invalid_argument", `${path} cannot be read: ${errors.messageOf(error)}`, { cause: error });
  });
}

function tlsOf({ ca, cert, key, serverName }: types.ClientTls): ClientTls {
  const pems = Object.entries({ ca, cert, key }).flatMap(([name, pem]) => (pem === undefined ? [] : [[name, Buffer.from(pem)]]));
  return { ...Object.fromEntries(pems), ...(serverName === undefined ? {} : { serverName }) };
}

/** `import { connect } from "assay"`. What it promises is written at its types. */
import * as errors from "../../services/common/errors.ts";
import type { ClientTls } from "../../services/common/rpc/channel.ts";
import { type Pems, type WatchedPems, watchPems } from "../../services/common/rpc/tls-files.ts";
import { watchToken } from "../../services/common/rpc/token-file.ts";
import { findSuites } from "../../services/common/suite-files.ts";
import { type OpenSuite, openSuite, type SuiteReach } from "./suite.ts";
import type * as types from "./types.d.ts";

/** A value of its own, so that the compiler holds the class against its published type. */
export const AssayError: typeof types.AssayError = errors.AssayError;

const connectTimeoutMs = 10_000;

/** As `types.d.ts` promises. */
export async function connect(options: types.ConnectOptions = {}): Promise<types.Suite> {
  const { timeoutMs = connectTimeoutMs, signal } = options;
  const reach = options.address === undefined ? listedReach(options) : reachOf(options);
  let open: OpenSuite | undefined;
  const close = (): void => {
    open?.close();
    for (const files of [reach.tls?.watched, reach.token]) if (typeof files === "object") files.close();
  };
  try {
    open = openSuite(reach);
    const { recordBatchesOf: _, ...suite } = open;
    const { version } = await suite.suite.getSuite({}, { timeoutMs, signal });
    // The two types say the same of every service, which the compiler cannot see for an open one.
    return { ...suite, version, close, client: suite.client as unknown as types.Suite["client"] };
  } catch (error) {
    close();
    throw error;
  }
}

function reachOf({ address = "", token: text, tokenFile, tls, allowPlaintext }: types.ConnectOptions): SuiteReach {
  if (!/^\S+:\d+$/.test(address)) throw new AssayError("invalid_argument", `address: must be host:port, got "${address}"`);
  if (text !== undefined && tokenFile !== undefined) throw oneOf("token", "tokenFile");
  const token = tokenFile === undefined ? text : watchToken(tokenFile);
  try {
    return { address, token, tls: tls === undefined ? undefined : tlsOf(tls), allowPlaintext };
  } catch (error) {
    if (typeof token === "object") token.close();
    throw error;
  }
}

/** Of the one suite of this user that runs on this host, what is given going before what it says of itself. */
function listedReach(options: types.ConnectOptions): SuiteReach {
  const { suites, folder } = findSuites(process.env);
  const [suite, ...others] = suites;
  if (suite === undefined) throw new AssayError("not_found", `no suite of yours runs on this host (looked in ${folder})`);
  if (others.length > 0) {
    const addresses = suites.map(({ address }) => address).join(", ");
    throw new AssayError("failed_precondition", `${suites.length} suites run on this host, name one of them: ${addresses}`);
  }
  const { address, isTls, tlsCa } = suite;
  const isTokenGiven = options.token !== undefined || options.tokenFile !== undefined;
  const { token, tokenFile } = isTokenGiven ? options : suite.tokenFile === undefined ? suite : { ...suite, token: undefined };
  const isCaGiven = tlsCa === undefined || options.tls?.ca !== undefined || options.tls?.caFile !== undefined;
  const tls = isTls === true ? { ...(isCaGiven ? {} : { caFile: tlsCa }), ...options.tls } : options.tls;
  return reachOf({ ...options, address, token, tokenFile, tls });
}

/** What the paths are called in messages. */
const pathNames = { ca: "tls.caFile", cert: "tls.certFile", key: "tls.keyFile" };

function tlsOf({ serverName, ca, cert, key, caFile, certFile, keyFile }: types.ClientTls): ClientTls {
  const paths = { ca: caFile, cert: certFile, key: keyFile };
  const given = { ca, cert, key };
  for (const name of ["ca", "cert", "key"] as const) {
    if (given[name] !== undefined && paths[name] !== undefined) throw oneOf(`tls.${name}`, pathNames[name]);
  }
  const texts: Pems = Object.fromEntries(
    Object.entries(given).flatMap(([name, pem]) => (pem === undefined ? [] : [[name, Buffer.from(pem)]])),
  );
  const named = serverName === undefined ? {} : { serverName };
  if (Object.values(paths).every((path) => path === undefined)) return { ...texts, ...named };
  return { ...named, watched: withTexts(watchPems(paths, {}, pathNames), texts) };
}

function withTexts(files: WatchedPems, texts: Pems): WatchedPems {
  return {
    current: () => ({ ...texts, ...files.current() }),
    onChange: (listener) => files.onChange((pems) => listener({ ...texts, ...pems })),
    close: () => files.close(),
  };
}

function oneOf(text: string, file: string): errors.AssayError {
  return new errors.AssayError("invalid_argument", `${text} and ${file}: one of them, got both`);
}

/** Certificates of a process in files, for both ends of its calls, read again when they are replaced. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { AssayError, messageOf } from "../errors.ts";
import { type WatchedFiles, type Watching, watchFiles } from "../watched-files.ts";

export interface TlsPaths {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
}

/** PEM texts. `cert` and `key` are there together or not at all. */
export interface Pems {
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly ca?: Buffer;
}

export type WatchedPems = WatchedFiles<Pems>;

/** What the paths are called where they are given, in messages. */
export type PathNames = Readonly<Record<keyof TlsPaths, string>>;

const optionNames: PathNames = { cert: "--tls-cert", key: "--tls-key", ca: "--tls-ca" };

/** Throws `invalid_argument`, naming option and file, for what cannot be read or does not fit together. */
export function watchPems(paths: TlsPaths, watching: Watching = {}, names = optionNames): WatchedPems {
  return watchFiles({
    what: "certificates",
    paths: Object.values(paths).filter((path) => path !== undefined),
    load: () => readPems(paths, names),
    ...watching,
  });
}

/** Throws as `watchPems`. */
export function readPems(paths: TlsPaths, names = optionNames): Pems {
  const { cert, key, ca } = paths;
  if ((cert === undefined) !== (key === undefined)) {
    throw new AssayError("invalid_argument", `${names.cert} and ${names.key} belong together`);
  }
  const pems = {
    ...(cert === undefined ? {} : { cert: read(names.cert, cert) }),
    ...(key === undefined ? {} : { key: read(names.key, key) }),
    ...(ca === undefined ? {} : { ca: read(names.ca, ca) }),
  };
  check(paths, pems, names);
  return pems;
}

function read(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new AssayError("invalid_argument", `${option} ${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function check(paths: TlsPaths, { cert, key, ca }: Pems, names: PathNames): void {
  attempt(`${names.cert} ${paths.cert}, ${names.key} ${paths.key}`, () => {
    if (cert === undefined || key === undefined) return;
    const isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
    if (!isPair) throw new AssayError("invalid_argument", "they do not belong together");
    const { validToDate } = new X509Certificate(cert);
    if (validToDate.getTime() < Date.now()) {
      throw new AssayError("invalid_argument", `it held until ${validToDate.toISOString().slice(0, 10)}`);
    }
    createSecureContext({ cert, key });
  });
  // OpenSSL takes a text without any certificate for an empty list, and then trusts nobody.
  attempt(`${names.ca} ${paths.ca}`, () => ca && new X509Certificate(ca));
}

function attempt(what: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    const message = messageOf(error);
    const why = message.includes("PEM routines") ? "is no text in PEM" : message;
    throw new AssayError("invalid_argument", `${what}: ${why}`, { cause: error });
  }
}

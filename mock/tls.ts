/** The files of TLS that options name. */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { AssayError, messageOf } from "../services/common/errors.ts";
import type { MockOptions } from "./options.ts";

/** What Node's servers take. */
export interface MockTls {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
  /** With `ca`: whoever has no certificate of it is not let in. */
  readonly requestCert?: true;
}

/** Undefined: none is asked for. Throws `invalid_argument` for a file that cannot be read, or is not what it should be. */
export async function readTls({ tlsCert, tlsKey, tlsClientCa }: MockOptions): Promise<MockTls | undefined> {
  if (tlsCert === null || tlsKey === null) return undefined;
  const tls = {
    cert: await read("--tls-cert", tlsCert),
    key: await read("--tls-key", tlsKey),
    ...(tlsClientCa === null ? {} : { ca: await read("--tls-client-ca", tlsClientCa), requestCert: true as const }),
  };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new AssayError("invalid_argument", `--tls-cert ${tlsCert} and its key are of no use: ${messageOf(error)}`);
  }
  return tls;
}

async function read(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new AssayError("invalid_argument", `${flag} ${path} cannot be read: ${messageOf(error)}`);
  }
}

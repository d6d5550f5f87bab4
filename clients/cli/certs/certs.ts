/** `assay certs`: an authority and certificates of it, for tests and small teams. */

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { harmless } from "../../../report/text.ts";
import { AssayError, messageOf } from "../../../services/common/errors.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { refuse } from "../refuse.ts";
import { writeWhole } from "../whole-file.ts";
import type { certsFlags } from "./flags.ts";
import { wantedCertificates } from "./requests.ts";
import { type Authority, createAuthority, issueCertificate, readAuthority } from "./x509.ts";

const dayMs = 86_400_000;
const authorityDays = 3650;
const defaultDays = 365;
/** A host whose clock is behind takes a new certificate, too. */
const clocksDifferMs = 3_600_000;

/** Writes nothing where something that it would write is there and `--force` is not given. Prints one line a certificate. */
export async function certs(asked: Asked<typeof certsFlags>): Promise<number> {
  const { options, terminal, name } = asked;
  const folder = resolve(terminal.cwd, options.out ?? "certs");
  const wanted = wantedCertificates(asked);
  try {
    const isNew = !existsSync(join(folder, "ca.crt")) && !existsSync(join(folder, "ca.key"));
    if (!isNew && wanted.length === 0) return refuse(terminal, name, ["expected --server, --member or --client"]);
    if (options.force !== true)
      refuseExisting(
        folder,
        wanted.map((one) => one.name),
      );
    // Keys are in it: nobody else needs to know their names.
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const authority = isNew ? newAuthority(folder) : ownAuthority(folder);
    if (isNew) terminal.out(`${harmless(join(folder, "ca.crt"))}: authority, until ${dayOf(authority.untilMs)}\n`);
    const fromMs = Date.now() - clocksDifferMs;
    const untilMs = Math.min(Date.now() + (options.days ?? defaultDays) * dayMs, authority.untilMs);
    for (const { name: common, purpose, ...rest } of wanted) {
      const { cert, key } = issueCertificate(authority, { commonName: common, fromMs, untilMs, ...rest });
      writePair(join(folder, common), cert, key);
      terminal.out(`${harmless(join(folder, `${common}.crt`))}: ${purpose}, until ${dayOf(untilMs)}\n`);
    }
    return exitCodes.ok;
  } catch (error) {
    terminal.err(`${name}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

function refuseExisting(folder: string, names: readonly string[]): void {
  const found = names.flatMap((name) => [`${name}.crt`, `${name}.key`]).filter((file) => existsSync(join(folder, file)));
  if (found.length === 0) return;
  throw new AssayError("already_exists", `${folder} has ${found.join(", ")} already: --force writes over them`);
}

type DatedAuthority = Authority & { readonly untilMs: number };

function newAuthority(folder: string): DatedAuthority {
  // Two authorities of one name would be taken for each other by whoever looks for a certificate's issuer.
  const commonName = `Assay CA ${randomBytes(4).toString("hex")}`;
  const now = Date.now();
  const { cert, key } = createAuthority(commonName, {
    fromMs: now - clocksDifferMs,
    untilMs: now + authorityDays * dayMs,
  });
  writePair(join(folder, "ca"), cert, key);
  return readAuthority(cert, key);
}

function ownAuthority(folder: string): DatedAuthority {
  const [certPath, keyPath] = [join(folder, "ca.crt"), join(folder, "ca.key")];
  try {
    const authority = readAuthority(readFileSync(certPath, "utf8"), readFileSync(keyPath, "utf8"));
    if (authority.untilMs > Date.now()) return authority;
    throw new AssayError("failed_precondition", `it held until ${dayOf(authority.untilMs)}`);
  } catch (error) {
    throw new AssayError("failed_precondition", `using the authority ${certPath}, ${keyPath}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Each file is there whole or not at all, for whoever reads them while they are replaced. */
function writePair(base: string, cert: string, key: string): void {
  writeWhole(`${base}.key`, key, 0o600);
  writeWhole(`${base}.crt`, cert, 0o644);
}

function dayOf(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 10);
}

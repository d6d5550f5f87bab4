/** Certificates made on the spot by the openssl command, in a temporary folder. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** PEM texts of one certificate. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of a test. */
export interface TestCa {
  /** Its own certificate. */
  readonly cert: string;
  /** Issues a certificate with these subject alternative names (`DNS:localhost`, `URI:assay:role:viewer`). */
  issue(commonName: string, ...subjectAltNames: string[]): KeyPair;
}

/** Makes authorities; `remove` deletes everything that they wrote. */
export function createCertWorkshop(): { ca(name: string): TestCa; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "assay-certs-"));
  let serial = 0;
  const make = (commonName: string, extensions: readonly string[], signer: readonly string[]): KeyPair & { base: string } => {
    const base = join(folder, `${serial++}`);
    const config = ["[req]", "distinguished_name = none", "x509_extensions = ours", "[none]", "[ours]", ...extensions];
    writeFileSync(`${base}.conf`, config.join("\n"));
    const subject = ["-config", `${base}.conf`, "-subj", `/CN=${commonName}`, "-days", "2"];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${base}.key`];
    execFileSync("openssl", ["req", "-x509", ...key, ...subject, ...signer, "-out", `${base}.crt`], { stdio: "pipe" });
    return { base, cert: readFileSync(`${base}.crt`, "utf8"), key: readFileSync(`${base}.key`, "utf8") };
  };
  return {
    ca(name) {
      const authority = make(name, ["basicConstraints = critical,CA:TRUE", "keyUsage = critical,keyCertSign,cRLSign"], []);
      const signer = ["-CA", `${authority.base}.crt`, "-CAkey", `${authority.base}.key`];
      return {
        cert: authority.cert,
        issue: (commonName, ...names) => make(commonName, ["basicConstraints = critical,CA:FALSE", ...sectionOf(names)], signer),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

// A section of their own, where a comma is part of a name.
function sectionOf(names: readonly string[]): string[] {
  const lines = names.map((name, index) => `${name.replace(/:.*/, "")}.${index} = ${name.replace(/^[^:]*:/, "")}`);
  return names.length === 0 ? [] : ["subjectAltName = @names", "[names]", ...lines];
}

/** Certificates made on the spot by the openssl command, in a temporary folder. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** PEM texts of one certificate, and the files that hold them. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
}

/** A certificate authority of a test. */
export interface TestCa {
  /** Its own certificate, and the file that holds it. */
  readonly cert: string;
  readonly certPath: string;
  /** Issues a certificate with these subject alternative names (`DNS:localhost`, `URI:assay:role:viewer`). */
  issue(commonName: string, ...subjectAltNames: string[]): KeyPair;
  /** The same, of years ago. */
  issueExpired(commonName: string): KeyPair;
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
    return { base, ...pairAt(base) };
  };
  const makeExpired = (commonName: string, signer: readonly string[]): KeyPair => {
    const base = join(folder, `${serial++}`);
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${base}.key`];
    execFileSync("openssl", ["req", ...key, "-subj", `/CN=${commonName}`, "-out", `${base}.csr`], { stdio: "pipe" });
    const books = [`database = ${base}.index`, `new_certs_dir = ${folder}`, "rand_serial = yes", "default_md = sha256"];
    writeFileSync(`${base}.index`, "");
    writeFileSync(
      `${base}.conf`,
      ["[ca]", "default_ca = ours", "[ours]", ...books, "policy = any", "[any]", "commonName = supplied"].join("\n"),
    );
    const time = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
    const files = ["-config", `${base}.conf`, "-in", `${base}.csr`, "-out", `${base}.crt`];
    execFileSync("openssl", ["ca", "-batch", "-notext", ...files, ...time, ...signer], { stdio: "pipe" });
    return pairAt(base);
  };
  return {
    ca(name) {
      const authority = make(name, ["basicConstraints = critical,CA:TRUE", "keyUsage = critical,keyCertSign,cRLSign"], []);
      const signer = ["-CA", `${authority.base}.crt`, "-CAkey", `${authority.base}.key`];
      return {
        cert: authority.cert,
        certPath: authority.certPath,
        issueExpired: (commonName) =>
          makeExpired(commonName, ["-cert", `${authority.base}.crt`, "-keyfile", `${authority.base}.key`]),
        issue: (commonName, ...names) => make(commonName, ["basicConstraints = critical,CA:FALSE", ...sectionOf(names)], signer),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function pairAt(base: string): KeyPair {
  const [certPath, keyPath] = [`${base}.crt`, `${base}.key`];
  return { cert: readFileSync(certPath, "utf8"), key: readFileSync(keyPath, "utf8"), certPath, keyPath };
}

// A section of their own, where a comma is part of a name.
function sectionOf(names: readonly string[]): string[] {
  const lines = names.map((name, index) => `${name.replace(/:.*/, "")}.${index} = ${name.replace(/^[^:]*:/, "")}`);
  return names.length === 0 ? [] : ["subjectAltName = @names", "[names]", ...lines];
}

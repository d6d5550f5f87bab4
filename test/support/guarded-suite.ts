/** A suite that speaks TLS, with certificates that `assay certs` made. */
import { join } from "node:path";
import { expectRun } from "./installed.ts";
import { program, type ServedSuite, startServedSuite } from "./served-suite.ts";

/** `folder`: where the certificates go. Anybody but `ann`, an operator, needs its token. */
export async function startGuardedSuite(folder: string): Promise<ServedSuite & { readonly certs: string }> {
  const certs = join(folder, "certs");
  const names = ["--server", "127.0.0.1", "--client", "ann:operator"];
  await expectRun(process.execPath, [program, "certs", "--out", certs, ...names], { cwd: folder });
  const file = (name: string): string => join(certs, name);
  const tls = ["--tls-cert", file("server.crt"), "--tls-key", file("server.key"), "--tls-ca", file("ca.crt")];
  return { ...(await startServedSuite({ args: tls })), certs };
}

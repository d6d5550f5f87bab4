import type { TargetTls } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { Demand } from "./demand.ts";

const certificatePem = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;
const keyPem = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;

export function isCertificate(pem: string): boolean {
  return certificatePem.test(pem);
}

interface TlsUse {
  /** Path of the message in the spec. */
  readonly at: string;
  /** Somebody is reached by TLS. */
  readonly hasTls: boolean;
  /** What somebody would have to have. */
  readonly needed: string;
}

export function checkTls(tls: TargetTls | undefined, { at, hasTls, needed }: TlsUse, demand: Demand): void {
  if (tls === undefined) return;
  const { caPem, certPem, keyPem: key, serverName, skipVerify } = tls;
  for (const [name, isSet] of [
    ["ca_pem", caPem !== ""],
    ["cert_pem", certPem !== ""],
    ["key_pem", key !== ""],
    ["server_name", serverName !== ""],
    ["skip_verify", skipVerify],
  ] as const) {
    demand(!isSet || hasTls, `${at}.${name}`, `has no effect without ${needed}`);
  }
  demand(caPem === "" || isCertificate(caPem), `${at}.ca_pem`, "is no certificate in PEM");
  demand(certPem === "" || isCertificate(certPem), `${at}.cert_pem`, "is no certificate in PEM");
  demand(key === "" || keyPem.test(key), `${at}.key_pem`, "is no private key in PEM");
  demand(certPem === "" || key !== "", `${at}.cert_pem`, "needs its key");
  demand(key === "" || certPem !== "", `${at}.key_pem`, "needs its certificate");
  demand(!skipVerify || caPem === "", `${at}.skip_verify`, "not together with authorities to trust");
}

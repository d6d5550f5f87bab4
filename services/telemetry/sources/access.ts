/** How pages are asked for, from what a message says of it. */
import type { TargetTls } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { PageAccess } from "./http.ts";

export function accessOf({
  headers,
  tls,
}: {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: TargetTls | undefined;
}): PageAccess {
  if (tls === undefined) return { headers };
  const { caPem, certPem, keyPem, serverName, skipVerify } = tls;
  return {
    headers,
    tls: {
      ...(caPem === "" ? {} : { ca: caPem }),
      ...(certPem === "" ? {} : { cert: certPem }),
      ...(keyPem === "" ? {} : { key: keyPem }),
      ...(serverName === "" ? {} : { servername: serverName }),
      ...(skipVerify ? { rejectUnauthorized: false } : {}),
    },
  };
}

/** Secrets of a spec: what must never be stored, shown or logged. */
import { clone } from "@bufbuild/protobuf";
import { maskedProxyUrl } from "../../endpoints/proxy.ts";
import { maskedUrl } from "../../endpoints/target-url.ts";
import { type RunSpec, RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";

const mask = "***";

/** A copy whose secrets are replaced, for storing, showing and logging. */
export function maskSecrets(spec: RunSpec): RunSpec {
  const masked = clone(RunSpecSchema, spec);
  const target = masked.target;
  if (target === undefined) return masked;
  if (target.apiKey !== "") target.apiKey = mask;
  for (const name of Object.keys(target.headers)) target.headers[name] = mask;
  for (const url of target.urls) {
    url.url = maskedUrl(url.url);
    // Where nobody names a target, its URL does.
    url.label = maskedUrl(url.label);
  }
  if (target.tls !== undefined && target.tls.keyPem !== "") target.tls.keyPem = mask;
  if (target.proxyUrl !== "") target.proxyUrl = maskedProxyUrl(target.proxyUrl);
  return masked;
}

/** Secrets of a spec: what must never be stored, shown or logged. */
import { clone } from "@bufbuild/protobuf";
import { maskedProxyUrl, parseProxyUrl } from "../../endpoints/proxy.ts";
import { maskedUrl } from "../../endpoints/target-url.ts";
import { type RunSpec, RunSpecSchema, type TargetTls } from "../../gen/assay/common/v1/run_spec_pb.js";
import { Secrets } from "./log-line.ts";

const mask = "***";

/** Headers that say who asks; values of others (a content type) are words that messages need. */
const credentialHeader = /auth|key|token|secret|cookie|password|signature/i;

/** Replaces what a target was sent to know who asks, where it says it back. */
export function secretsOf({ target }: RunSpec): Secrets {
  const secrets = new Secrets();
  if (target === undefined) return secrets;
  secrets.add(target.apiKey);
  for (const [name, value] of Object.entries(target.headers)) {
    if (!credentialHeader.test(name)) continue;
    secrets.add(value);
    // `Bearer KEY`, of which a message may have the key alone.
    secrets.add(value.slice(value.lastIndexOf(" ") + 1));
  }
  for (const { url } of target.urls) {
    const found = URL.parse(url)?.searchParams ?? [];
    for (const [name, value] of found) if (maskedUrl(`?${name}=x`) !== `?${name}=x`) secrets.add(value);
  }
  secrets.add(parseProxyUrl(target.proxyUrl)?.password ?? "");
  return secrets;
}

/** A copy whose secrets are replaced, for storing, showing and logging. */
export function maskSecrets(spec: RunSpec): RunSpec {
  const masked = clone(RunSpecSchema, spec);
  const { target, telemetry } = masked;
  if (telemetry !== undefined) {
    for (const name of Object.keys(telemetry.headers)) telemetry.headers[name] = mask;
    telemetry.dcgmUrls = telemetry.dcgmUrls.map(withoutUser);
    telemetry.serverMetricsUrls = telemetry.serverMetricsUrls.map(withoutUser);
    maskKey(telemetry.tls);
  }
  if (target === undefined) return masked;
  if (target.apiKey !== "") target.apiKey = mask;
  for (const name of Object.keys(target.headers)) target.headers[name] = mask;
  for (const url of target.urls) {
    url.url = maskedUrl(url.url);
    // Where nobody names a target, its URL does.
    url.label = maskedUrl(url.label);
  }
  maskKey(target.tls);
  if (target.proxyUrl !== "") target.proxyUrl = maskedProxyUrl(target.proxyUrl);
  return masked;
}

function maskKey(tls: TargetTls | undefined): void {
  if (tls !== undefined && tls.keyPem !== "") tls.keyPem = mask;
}

function withoutUser(text: string): string {
  return maskedUrl(text).replace(/^(\w+:\/\/)[^/@]*@/, "$1***@");
}

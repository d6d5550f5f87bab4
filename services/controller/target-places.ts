/** Which of a spec's targets may not be reached, before anything is sent. What a name stands for is looked at again by whoever dials it. */
import { parseProxyUrl } from "../../endpoints/proxy.ts";
import { parseBaseUrl, portOf, socketPathOf } from "../../endpoints/target-url.ts";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { AllowedTargets } from "../common/allowed-targets.ts";
import { AssayError, messageOf } from "../common/errors.ts";

/** Throws `permission_denied` with a violation for each URL that leads where this suite sends nothing. */
export function checkTargets({ target }: RunSpec, allowed: AllowedTargets): void {
  const proxy = parseProxyUrl(target?.proxyUrl ?? "");
  const violations = [
    ...violationOf("target.proxy_url", () => proxy && allowed.lookupFor(proxy.host, proxy.port)),
    ...(target?.urls ?? []).flatMap(({ url }, index) => {
      const base = parseBaseUrl(url);
      if (base === undefined) return [];
      const socketPath = socketPathOf(base);
      return violationOf(`target.urls[${index}].url`, () => {
        if (socketPath !== undefined) allowed.checkSocket(socketPath);
        else if (proxy !== undefined) allowed.checkBehindProxy(base.hostname, portOf(base));
        else allowed.lookupFor(base.hostname, portOf(base));
      });
    }),
  ];
  if (violations.length === 0) return;
  const lines = violations.map(({ field, description }) => `${field}: ${description}`);
  throw new AssayError("permission_denied", lines.join("; "), { violations });
}

function violationOf(field: string, check: () => unknown): { readonly field: string; readonly description: string }[] {
  try {
    check();
    return [];
  } catch (error) {
    return [{ field, description: messageOf(error) }];
  }
}

/** A run whose suite does not answer any more: it may go on, and somebody may want to meet it again. Pure. */
import { AssayError } from "../../services/common/errors.ts";
import { suiteSilent, usualSilenceMs } from "../node/follow-run.ts";
import { quoted } from "./parse.ts";
import { type GivenReach, suiteFailure, withoutCall } from "./suite-failure.ts";

/** What is said when the stream of a run has broken, and is opened again. */
export function brokenText(error: AssayError, reach: GivenReach, silenceMs = usualSilenceMs): string {
  return `${suiteFailure(error, reach)}; trying again for ${silenceMs / 1000} s`;
}

/** The error that ends a command: with how the run is met again, where silence is why. */
export function outOfSight(error: AssayError, runId: string, reach: GivenReach): AssayError {
  if (error.reason !== suiteSilent) return error;
  const message = withoutCall(error.message).replace(/^the suite/, reach.controller ?? "the suite");
  return new AssayError(error.code, `${message}; ${mayGoOn(runId, reach)}`, { cause: error });
}

/** `run 2026… may go on: assay watch 2026… --controller bench:7400`. */
export function mayGoOn(runId: string, reach: GivenReach): string {
  return `run ${runId} may go on: assay watch ${runId}${reachFlags(reach)}`;
}

function reachFlags({ controller, tls, tlsCa, tlsCert, tlsKey, tokenFile, insecure }: GivenReach): string {
  const values = { controller, "tls-ca": tlsCa, "tls-cert": tlsCert, "tls-key": tlsKey, "token-file": tokenFile };
  const given = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [` --${name} ${quoted(value)}`]));
  return [...given, ...(tls ? [" --tls"] : []), ...(insecure ? [" --insecure"] : [])].join("");
}

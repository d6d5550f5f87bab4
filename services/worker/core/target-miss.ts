/** What the end of a request says about whether its target is there. Pure. */
import type { RequestError, RequestErrorCode } from "../../../endpoints/outcome.ts";
import type { TargetMiss } from "../../common/credits.ts";

/** Ends that the target has no part in. */
const ownFaults: ReadonlySet<RequestErrorCode> = new Set(["unsendable", "fenced", "endpoint_module"]);

/** Undefined: there was a connection. `error`: of the request, undefined where it has none. */
export function targetMissOf(error: RequestError | undefined): TargetMiss | undefined {
  if (error === undefined) return undefined;
  if (ownFaults.has(error.code)) return "untried";
  if (error.phase !== "connect" && error.phase !== "tls") return undefined;
  return error.code === "cancelled" ? "untried" : "unreached";
}

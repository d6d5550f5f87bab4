/** Whether a run has what the files of its answers are made of. */
import type { RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../common/errors.ts";

/** Throws `failed_precondition` where the run was told to keep no answers, or no requests where these are needed, too. */
export function requireAnswers({ output }: RunSpec, file: string, areRequestsNeeded: boolean): void {
  const isRaw = output?.exportLevel === "raw";
  if (isRaw || (!areRequestsNeeded && output?.exportOutputsJson === true)) return;
  const needed = areRequestsNeeded ? "--export-level raw" : "--export-level raw or --export-outputs-json";
  throw new AssayError(
    "failed_precondition",
    `${file} is made of the answers that a run with ${needed} keeps; this one has not kept them`,
  );
}

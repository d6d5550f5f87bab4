/**
 * From the spec that a client gives to the spec that runs: refuse what this version does not build, find everything that
 * is wrong, apply the defaults. Past this point nothing is optional that the run needs. Pure; called by ValidateRun and CreateRun.
 */
import { builtInEndpoints, type EndpointCatalog } from "../../../endpoints/catalog.ts";
import type { RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError, type FieldViolation } from "../../common/errors.ts";
import { withDefaults } from "./spec/defaults.ts";
import { oversizedFields } from "./spec/size.ts";
import { unsupportedFields } from "./spec/support.ts";
import { violationsOf } from "./spec/violations.ts";
import { warningsOf } from "./spec/warnings.ts";

export interface CompiledSpec {
  /** With all defaults; secrets included. */
  readonly spec: RunSpec;
  /** Legal but suspect, one line each. */
  readonly warnings: readonly string[];
}

/**
 * @param given as the client sent it; not changed
 * @param drawSeed makes the seed of a run that names none
 * @param endpoints default: the built-in ones
 * @throws `unimplemented` naming every set field that this version does not build; `invalid_argument` with every violation
 */
export function compileRunSpec(
  given: RunSpec,
  drawSeed: () => bigint,
  endpoints: EndpointCatalog = builtInEndpoints,
): CompiledSpec {
  const oversized = oversizedFields(given);
  if (oversized.length > 0) throw specError(oversized);
  const unsupported = unsupportedFields(given);
  if (unsupported.length > 0) {
    throw new AssayError("unimplemented", `not supported by this version: ${unsupported.join(", ")}`, {
      reason: "FIELD_NOT_SUPPORTED",
      violations: unsupported.map((field) => ({ field, description: "not supported by this version" })),
    });
  }
  const spec = withDefaults(given, drawSeed, endpoints);
  const violations = violationsOf(spec, endpoints);
  if (violations.length > 0) throw specError(violations);
  return { spec, warnings: warningsOf(spec, endpoints) };
}

/** `invalid_argument` with every violation. */
export function specError(violations: readonly FieldViolation[]): AssayError {
  const lines = violations.map((violation) => `${violation.field}: ${violation.description}`);
  return new AssayError("invalid_argument", lines.join("; "), { reason: "INVALID_RUN_SPEC", violations });
}

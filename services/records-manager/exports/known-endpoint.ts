/** The endpoint of a stored run. */
import type { Endpoint } from "../../../endpoints/endpoint.ts";
import type { RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../common/errors.ts";
import { endpointOf } from "../../common/run-endpoint.ts";

/** Undefined: it was a user's own, whose file is no part of the run. */
export function knownEndpoint({ endpoint }: RunSpec): Endpoint | undefined {
  try {
    return endpointOf(endpoint);
  } catch (error) {
    if (error instanceof AssayError && error.code === "invalid_argument") return undefined;
    throw error;
  }
}

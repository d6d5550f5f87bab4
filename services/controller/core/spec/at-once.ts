import type { PhaseSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";

/** Most requests or sessions at once under a load; undefined: no bound. */
export function atOnceOf({ load }: Pick<PhaseSpec, "load">): number | undefined {
  switch (load.case) {
    case undefined:
      return undefined;
    case "concurrency":
      return load.value.limit;
    default:
      return load.value.concurrencyCeiling;
  }
}

/** Whether a suite has as many who read answers and keep rows as a run asks for. Pure. */
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import type { RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { FieldViolation } from "../../common/errors.ts";

/** What is wrong with a spec where `there` gives how many members serve each. One of each is waited for, and no violation. */
export function recordServiceViolations(
  { recordManagers = 1, workers }: Pick<RunSpec, "recordManagers" | "workers">,
  there: (service: ServiceKind) => number,
): FieldViolation[] {
  const asked = [
    { field: "record_managers", name: "records-managers", service: ServiceKind.RECORDS_MANAGER, wanted: recordManagers },
    {
      field: "workers.record_processors",
      name: "record-processors",
      service: ServiceKind.RECORD_PROCESSOR,
      wanted: workers?.recordProcessors ?? 1,
    },
  ];
  return asked.flatMap(({ field, name, service, wanted }) => {
    const count = there(service);
    if (wanted === 1 || wanted <= count) return [];
    return [{ field, description: `must be at most ${count}, which is how many ${name} are in the suite, got ${wanted}` }];
  });
}

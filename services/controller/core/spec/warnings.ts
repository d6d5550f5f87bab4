import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import type { PhaseSpec, RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";

/** Legal but suspect, one line each. Pure. */
export function warningsOf(spec: RunSpec): string[] {
  const warnings: string[] = [];
  for (const phase of spec.phases) {
    const limit = phase.load.case === "concurrency" ? phase.load.value.limit : 0;
    const { requestCount, sessionCount } = phase.stop ?? {};
    const count = Number(requestCount ?? sessionCount ?? 0n);
    if (count > 0 && limit > count) {
      const what = requestCount === undefined ? "sessions" : "requests";
      warnings.push(`phase ${phase.name}: concurrency ${limit} is above its ${count} ${what} and will not be reached`);
    }
  }
  const { streaming, useServerTokenCount, omitStreamOptions } = spec.endpoint ?? {};
  if (streaming && useServerTokenCount && omitStreamOptions) {
    warnings.push("lengths come from the server's usage alone, and streams are not asked for it");
  }
  const source = spec.dataset?.source;
  const synthetic = source?.case === "synthetic" ? source.value : undefined;
  const isSingleTurn = (synthetic?.turns?.mean ?? 1) === 1 && (synthetic?.turns?.stddev ?? 0) === 0;
  const hasPauses = (synthetic?.turnDelayMs?.mean ?? 0) > 0 || (synthetic?.turnDelayMs?.stddev ?? 0) > 0;
  if (isSingleTurn && hasPauses) {
    warnings.push("pauses between turns have no effect: every conversation has one turn");
  }
  if (spec.workers?.pacing === "precise" && !spec.phases.some(isPacedByWorkers)) {
    warnings.push("precise pacing changes nothing: no phase sends by the clock alone");
  }
  if (hasPauses && spec.phases.some(({ load }) => load.case === "userCentric")) {
    warnings.push("pauses between turns have no effect on users: their number and rate say when a turn follows");
  }
  if (!spec.phases.some((phase) => phase.kind === PhaseKind.PROFILING)) warnings.push("no phase is measured: all are warm-up");
  return warnings;
}

/** Not where requests follow answers, and not where timing holds them back until a place is free. */
function isPacedByWorkers({ load, prefillConcurrency }: PhaseSpec): boolean {
  if (load.case === "concurrency" || prefillConcurrency !== undefined) return false;
  return load.case !== "rate" || load.value.concurrencyCeiling === undefined;
}

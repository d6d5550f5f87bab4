import type { EndpointCatalog } from "../../../../endpoints/catalog.ts";
import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import type { PhaseSpec, RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { unaskedLength } from "./answer-length.ts";

/** Legal but suspect, one line each. Pure. */
export function warningsOf(spec: RunSpec, endpoints: EndpointCatalog): string[] {
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
  const known = endpoints.create(spec.endpoint?.type ?? "");
  const unasked = known && unaskedLength(known);
  const asking = lengthFlag(spec);
  if (unasked !== undefined && asking !== undefined) warnings.push(`${asking} has no effect: ${unasked}`);
  if (!spec.phases.some((phase) => phase.kind === PhaseKind.PROFILING)) warnings.push("no phase is measured: all are warm-up");
  return warnings;
}

/** What asks for an output length; undefined: nothing does. */
function lengthFlag({ dataset }: RunSpec): string | undefined {
  const { source } = dataset ?? {};
  if (source?.case !== "file" && source?.case !== "synthetic") return undefined;
  if (source.value.outputTokens !== undefined) return "the output length (--osl)";
  const isMixed = source.case === "synthetic" && source.value.lengthMix.some(({ outputTokens }) => outputTokens !== undefined);
  return isMixed ? "the output length of --seq-dist" : undefined;
}

/** Not where requests follow answers, and not where timing holds them back until a place is free. */
function isPacedByWorkers({ load, prefillConcurrency }: PhaseSpec): boolean {
  if (load.case === "concurrency" || prefillConcurrency !== undefined) return false;
  return load.case !== "rate" || load.value.concurrencyCeiling === undefined;
}

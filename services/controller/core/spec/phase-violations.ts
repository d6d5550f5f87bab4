import { PhaseKind } from "../../../../gen/assay/common/v1/common_pb.js";
import type { PhaseSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { isBeyond, mostAtOnce } from "../../../common/most-load.ts";
import { checkCancellation } from "./cancellation-violations.ts";
import type { Demand } from "./demand.ts";
import { checkRamps } from "./ramp-violations.ts";
import { checkRate } from "./rate-violations.ts";
import { checkSchedule, checkUserCentric } from "./session-load-violations.ts";
import { checkStop } from "./stop-violations.ts";

export function checkPhase(phase: PhaseSpec, at: string, demand: Demand): void {
  demand(
    /^[a-z][a-z0-9_-]{0,62}$/.test(phase.name),
    `${at}.name`,
    `must be lower case letters, digits, _ or -, got ${JSON.stringify(phase.name)}`,
  );
  demand(phase.kind !== PhaseKind.UNSPECIFIED, `${at}.kind`, "must be warmup or profiling");
  const { load } = phase;
  demand(load.case !== undefined, `${at}.load`, "a load is needed: a concurrency, a rate, a schedule or users");
  if (load.case === "concurrency") {
    const { limit } = load.value;
    demand(limit >= 1, `${at}.concurrency.limit`, `must be at least 1, got ${limit}`);
    demand(!isBeyond(limit, mostAtOnce), `${at}.concurrency.limit`, `must be at most ${mostAtOnce}, got ${limit}`);
  }
  if (load.case === "rate") checkRate(load.value, `${at}.rate`, demand);
  if (load.case === "schedule") checkSchedule(load.value, `${at}.schedule`, demand);
  if (load.case === "userCentric") checkUserCentric(load.value, `${at}.user_centric`, demand);
  if (phase.preferredSchedule !== undefined) checkSchedule(phase.preferredSchedule, `${at}.preferred_schedule`, demand);
  checkStop(phase, at, demand);
  checkCancellation(phase, at, demand);
  checkRamps(phase, at, demand);
  const graceSec = phase.graceSec ?? 0;
  demand(graceSec >= 0, `${at}.grace_sec`, `must be at least 0, got ${graceSec}`);
}

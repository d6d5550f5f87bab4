import type { Plan, PlannedPhase } from "./plan.ts";
import { type Outcome, runPlan } from "./world.ts";

/** A failing plan with everything taken away that it does not need to fail. */
export function shrink(
  plan: Plan,
  fails: (plan: Plan) => boolean = (candidate) => runPlan(candidate).violations.length > 0,
): Plan {
  let smallest = plan;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of smallerPlans(smallest)) {
      if (!fails(candidate)) continue;
      smallest = candidate;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

/** What happened, for a person: the plan, and every message but the renewals. */
export function describeFailure(plan: Plan): string {
  const outcome: Outcome = runPlan(plan, true);
  const lines = outcome.trace.filter((line) => !/ renew \{| lease \{|reads/.test(line)).map((line) => line.slice(0, 240));
  return [
    `seed ${plan.seed}: ${outcome.violations.join("; ")}`,
    `replay with ASSAY_SIM_SEED=${plan.seed}; shrunk to`,
    JSON.stringify(plan),
    ...lines.slice(-80),
  ].join("\n");
}

function* smallerPlans(plan: Plan): Generator<Plan> {
  for (const [i] of plan.faults.entries()) yield { ...plan, faults: plan.faults.toSpliced(i, 1) };
  if (plan.phases.length > 1) {
    yield { ...plan, phases: plan.phases.slice(0, -1) };
    yield { ...plan, phases: plan.phases.slice(1) };
  }
  if (plan.hosts > 1) yield { ...plan, hosts: plan.hosts - 1 };
  if (plan.processors > 1) yield { ...plan, processors: plan.processors - 1 };
  if (plan.shards > 1) yield { ...plan, shards: plan.shards - 1 };
  if (plan.shardBlock > 1) yield { ...plan, shardBlock: 1 };
  if (plan.workers > 1) yield { ...plan, workers: plan.workers - 1 };
  if (plan.failureRatio > 0) yield { ...plan, failureRatio: 0 };
  if (plan.clockRates.some((rate) => rate !== 0)) yield { ...plan, clockRates: [0, 0, 0, 0] };
  for (const [i, phase] of plan.phases.entries()) {
    for (const smaller of smallerPhases(phase)) yield { ...plan, phases: plan.phases.with(i, smaller) };
  }
}

function* smallerPhases(phase: PlannedPhase): Generator<PlannedPhase> {
  if (phase.maxTurns > 1) yield { ...phase, maxTurns: 1 };
  if (phase.concurrency > 1) yield { ...phase, concurrency: phase.concurrency - 1 };
  if (phase.turnDelayMs > 0) yield { ...phase, turnDelayMs: 0 };
  if ((phase.requestCount ?? 0) > 1) yield { ...phase, requestCount: Math.floor((phase.requestCount as number) / 2) };
  if ((phase.sessionCount ?? 0) > 1) yield { ...phase, sessionCount: Math.floor((phase.sessionCount as number) / 2) };
}

/** Timing as a module of its process: the runs that are configured here, and the controller's commands for them. */
import type { AdjustPhase, ConfigureRun, MemberEvent } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { AssayError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { ServiceModule } from "../common/module.ts";
import { familiesOf, PhaseHistograms, RunTotals } from "../common/observe/counting.ts";
import { shapeOf } from "./core/dataset-shape.ts";
import type { LoadChange } from "./core/load-change.ts";
import { timingInstruments } from "./instruments.ts";
import { createTimingService } from "./service.ts";
import { TimingRun } from "./timing-run.ts";

export interface TimingDeps {
  readonly log: Logger;
  readonly clock: SuiteClock;
  report(event: MemberEvent["event"], runId: string): void;
}

const done = { case: undefined } as const;
const totalNames = ["issued", "outstanding", "sent", "unused", "lost", "dropped", "lostWorkers", "violations"] as const;

export function createTimingModule({ log, clock, report }: TimingDeps): ServiceModule {
  const runs = new Map<string, TimingRun>();
  const totals = new RunTotals(totalNames);
  const lateness = new PhaseHistograms(timingInstruments.assay_timing_issue_lateness_seconds.bounds);

  const find = (runId: string): TimingRun => {
    const run = runs.get(runId);
    if (run === undefined) throw new AssayError("not_found", `run ${runId} is not configured at timing`);
    return run;
  };

  const configure = (runId: string, { spec, dataset }: ConfigureRun): void => {
    if (spec === undefined || dataset === undefined)
      throw new AssayError("invalid_argument", "timing needs a spec and a dataset");
    close(runId);
    runs.set(
      runId,
      new TimingRun({ runId, spec, dataset: shapeOf(dataset), clock, log, lateness, report: (event) => report(event, runId) }),
    );
  };

  const close = (runId: string): void => {
    const run = runs.get(runId);
    if (run === undefined) return;
    run.close();
    totals.ended({ ...run.counts(), outstanding: 0 });
    runs.delete(runId);
  };

  const closeAll = (): void => {
    for (const runId of [...runs.keys()]) close(runId);
  };

  const streams = (): number => [...runs.values()].reduce((sum, run) => sum + run.workers, 0);

  return {
    name: "timing",
    implementations: [createTimingService((runId) => runs.get(runId))],
    async onCommand({ runId, action }) {
      switch (action.case) {
        case "configure":
          configure(runId, action.value);
          return done;
        case "startPhase":
          find(runId).startPhase(action.value.phase);
          return done;
        case "stopPhase":
          find(runId).stopPhase(action.value);
          return done;
        case "adjustPhase":
          find(runId).adjustPhase(changeOf(action.value));
          return done;
        case "reapWorker":
          for (const run of runs.values()) run.workerReaped(action.value.workerId);
          return done;
        case "finish":
          close(runId);
          return done;
        default:
          return undefined;
      }
    },
    onSuiteChanged: closeAll,
    counters: () => ({ runs: runs.size, credit_streams: streams() }),
    families() {
      const sums = totals.with([...runs.values()].map((run) => run.counts()));
      return familiesOf(timingInstruments, {
        assay_timing_runs: runs.size,
        assay_timing_credit_streams: streams(),
        assay_timing_issued_credits_total: sums.issued,
        assay_timing_returned_credits_total: [
          { labels: { use: "sent" }, value: sums.sent },
          { labels: { use: "unused" }, value: sums.unused },
        ],
        assay_timing_outstanding_credits: sums.outstanding,
        assay_timing_lost_credits_total: sums.lost,
        assay_timing_dropped_credits_total: sums.dropped,
        assay_timing_lost_workers_total: sums.lostWorkers,
        assay_timing_protocol_violations_total: sums.violations,
        assay_timing_issue_lateness_seconds: lateness.points,
      });
    },
    timingProgress: () => [...runs.values()].flatMap((run) => run.progress()),
    stop: async () => closeAll(),
  };
}

function changeOf({ phase, concurrency, prefillConcurrency, ratePerSec, isPaused }: AdjustPhase): LoadChange {
  return { phase, concurrency, prefill: prefillConcurrency, ratePerSec, isPaused };
}

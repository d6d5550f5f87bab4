/** How long a run waits for its members, whatever they are asked. */
import { RUN_BOUNDS, type RunBounds } from "./core/run-machine.ts";

/** In ms. */
export interface RunTimeouts {
  readonly datasetMs: number;
  /** For services and workers to join. */
  readonly joinMs: number;
  readonly configureMs: number;
  /** For timing to start or stop a phase. */
  readonly phaseMs: number;
  readonly closeMs: number;
  /** For statistics and files. */
  readonly finishMs: number;
  /** For members that write nothing to let go of the run. */
  readonly releaseMs: number;
  /** For members that are away to come back, and to let go of it then. */
  readonly awayMs: number;
  /** For a service that is gone to be there again. */
  readonly returnMs: number;
  readonly observerMs: number;
  readonly telemetryMs: number;
  readonly bounds: RunBounds;
}

export const RUN_TIMEOUTS: RunTimeouts = {
  datasetMs: 300_000,
  joinMs: 20_000,
  configureMs: 30_000,
  phaseMs: 5_000,
  closeMs: 45_000,
  finishMs: 600_000,
  releaseMs: 10_000,
  awayMs: 600_000,
  returnMs: 10_000,
  observerMs: 2_000,
  telemetryMs: 4_000,
  bounds: RUN_BOUNDS,
};

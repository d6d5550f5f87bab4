/** What the controller may be configured with. */
import { defineConfig } from "../common/config-schema.ts";

export const controllerConfig = defineConfig({
  runsDir: {
    doc: "Folder of the catalog, and of runs by their ids.",
    default: null,
    format: "string",
    env: "ASSAY_RUNS_DIR",
    arg: "runs-dir",
  },
  artifactBase: {
    doc: "Runs go where their spec says, relative to this folder, instead of below the runs folder: for a suite of one person's own.",
    default: null,
    format: "string",
    env: "ASSAY_ARTIFACT_BASE",
    arg: "artifact-base",
  },
  maxQueued: {
    doc: "Runs that may wait for their turn; one is carried out at a time.",
    default: 100,
    format: "nat",
    env: "ASSAY_MAX_QUEUED",
    arg: "max-queued",
  },
  maxRuns: {
    doc: "Runs that the catalog may have; further ones are refused until some are deleted; 0: no limit.",
    default: 0,
    format: "nat",
    env: "ASSAY_MAX_RUNS",
    arg: "max-runs",
  },
});

/** What the worker-manager may be configured with. */
import { defineConfig } from "../common/config-schema.ts";

export const workerManagerConfig = defineConfig({
  prespawn: {
    doc: "Workers to start at once, before any run asks for them.",
    default: 0,
    format: "nat",
    env: "ASSAY_PRESPAWN",
    arg: "prespawn",
  },
  maxWorkers: {
    doc: "Worker processes on this host at most.",
    default: 64,
    format: "nat",
    env: "ASSAY_MAX_WORKERS",
    arg: "max-workers",
  },
});

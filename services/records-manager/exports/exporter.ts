/** What an exporter is. One file each in this folder; `exporters.ts` lists them by the names of `services/common/export-files.ts`. */
import type { RunSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { RunSummary } from "../core/run-summary.ts";
import type { RunReader } from "../store/run-reader.ts";
import type { Write } from "./atomic-file.ts";

export interface ExportContext {
  readonly reader: RunReader;
  /** All phases of a kind as one (`SummaryOptions.isMerged`). Computed on the first call. */
  readonly summary: () => RunSummary;
  /** Each phase by itself. Computed on the first call. */
  readonly phases: () => RunSummary;
  /** The run's effective spec, secrets masked. */
  readonly spec: RunSpec;
  /** Where the run's files lie. */
  readonly folder: string;
  /** Secrets masked; empty: not known. */
  readonly cliCommand: string;
}

/** Writes one file, from start to end, in memory that does not grow with it. */
export type Exporter = (context: ExportContext, write: Write) => void;

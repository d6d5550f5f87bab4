/** What an exporter is. One file each in this folder; `exporters.ts` lists them. */
import type { RunSummary } from "../core/run-summary.ts";
import type { RunReader } from "../store/run-reader.ts";
import type { WriteText } from "./atomic-file.ts";

export interface ExportContext {
  readonly reader: RunReader;
  /** All measured phases as one (`SummaryOptions.isMerged`). Computed on the first call. */
  readonly summary: () => RunSummary;
  /** The run's effective spec, secrets masked. */
  readonly inputConfig: unknown;
  /** What the caller adds to `run_info`: seed, label, redacted command line. */
  readonly runInfo: Readonly<Record<string, unknown>>;
}

export interface Exporter {
  /** Name of the file, in the run's folder unless another is asked for. */
  readonly fileName: string;
  readonly write: (context: ExportContext, text: WriteText) => void;
}

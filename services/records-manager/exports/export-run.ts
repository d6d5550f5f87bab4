/** Writes a run's files from its database. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AssayError, messageOf } from "../../common/errors.ts";
import type { RunSummary } from "../core/run-summary.ts";
import { RunReader } from "../store/run-reader.ts";
import { summarize } from "../summary.ts";
import { aiperfRecords } from "./aiperf-records.ts";
import { aiperfSummary } from "./aiperf-summary.ts";
import { writeAtomically } from "./atomic-file.ts";
import type { Exporter } from "./exporter.ts";

/** By the names that users ask for them. */
export const exporters = {
  "aiperf-json": aiperfSummary,
  "aiperf-jsonl": aiperfRecords,
} as const satisfies Record<string, Exporter>;

export type ExporterName = keyof typeof exporters;

export interface ExportRequest {
  /** The run's folder. */
  readonly folder: string;
  readonly names: readonly ExporterName[];
  /** Where the files go; made where it is missing. Default: the run's folder. */
  readonly outputFolder?: string;
  /** Default: the spec stored with the run. */
  readonly inputConfig?: unknown;
  readonly runInfo?: Readonly<Record<string, unknown>>;
}

export interface ExportedFile {
  readonly name: ExporterName;
  readonly path: string;
}

/** Writes the files asked for and says where they are. Each is there whole or not at all. Throws AssayError naming the path. */
export function exportRun(request: ExportRequest): ExportedFile[] {
  const outputFolder = request.outputFolder ?? request.folder;
  const reader = RunReader.open(request.folder);
  try {
    makeFolder(outputFolder);
    let summary: RunSummary | undefined;
    const context = {
      reader,
      summary: () => (summary ??= summarize(reader, { isMerged: true })),
      inputConfig: request.inputConfig ?? JSON.parse(reader.run().spec),
      runInfo: request.runInfo ?? {},
    };
    return request.names.map((name) => {
      const { fileName, write } = exporters[name];
      const path = join(outputFolder, fileName);
      writeAtomically(path, (text) => write(context, text));
      return { name, path };
    });
  } finally {
    reader.close();
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new AssayError("permission_denied", `cannot make folder "${folder}": ${messageOf(error)}`, { cause: error });
  }
}

/** Writes a run's files from its database. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fromJsonString } from "@bufbuild/protobuf";
import { type RunSpec, RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError, messageOf } from "../../common/errors.ts";
import { exportFileName } from "../../common/export-files.ts";
import { RUN_FILE } from "../../common/run-file.ts";
import type { RunSummary } from "../core/run-summary.ts";
import { RunReader } from "../store/run-reader.ts";
import { summarize } from "../summary.ts";
import { writeAtomically } from "./atomic-file.ts";
import type { ExportContext } from "./exporter.ts";
import { type ExporterName, exporterNames, exporters, exportersOf } from "./exporters.ts";
import { withSaved } from "./saved.ts";

export interface ExportRequest {
  /** The run's folder. */
  readonly folder: string;
  /** Default: those that the run's export level asks for. */
  readonly names?: readonly ExporterName[];
  /** Where the files go; made where it is missing. Default: the run's folder. */
  readonly outputFolder?: string;
  /** Command line to name in the files, secrets masked. Default: the one in the run's spec. */
  readonly cliCommand?: string;
}

export interface ExportedFile {
  readonly name: ExporterName;
  readonly path: string;
}

/**
 * Writes the files asked for and says where they are. Each is there whole or not at all. Throws AssayError naming the path that
 * cannot be written, and what of the run is saved.
 */
export function exportRun(request: ExportRequest): ExportedFile[] {
  const outputFolder = request.outputFolder ?? request.folder;
  const reader = RunReader.open(request.folder);
  const written: ExportedFile[] = [];
  try {
    const context = contextOf(reader, request);
    const { exportPrefix = "" } = context.spec.output ?? {};
    makeFolder(outputFolder);
    for (const name of request.names ?? exportersOf(context.spec, kindsOf(reader))) {
      const path = join(outputFolder, exportFileName(name, exportPrefix));
      writeAtomically(path, (text) => exporters[name](context, text));
      written.push({ name, path });
    }
    return written;
  } catch (error) {
    throw withSaved(error, [join(request.folder, RUN_FILE), ...written.map(({ path }) => path)]);
  } finally {
    reader.close();
  }
}

/** A file that a run can give. */
export interface OfferedFile {
  /** Its name in the run's folder. */
  readonly file: string;
  /** What makes it; undefined: it was written while the run went on. */
  readonly exporter: ExporterName | undefined;
  /** The run's export level asks for it, and it is there or can be made. */
  readonly isUsual: boolean;
}

/** The files of the run in `folder`, `run.db` last. */
export function offeredFiles({ folder }: { readonly folder: string }): OfferedFile[] {
  const reader = RunReader.open(folder);
  try {
    const spec = specOf(reader);
    const { exportPrefix = "" } = spec.output ?? {};
    const usual = exportersOf(spec, kindsOf(reader));
    const inputs = exportFileName("inputs", exportPrefix);
    return [
      ...exporterNames.map((exporter) => ({
        file: exportFileName(exporter, exportPrefix),
        exporter,
        isUsual: usual.includes(exporter),
      })),
      { file: inputs, exporter: undefined, isUsual: existsSync(join(folder, inputs)) },
      { file: RUN_FILE, exporter: undefined, isUsual: true },
    ];
  } finally {
    reader.close();
  }
}

/** The effective spec of a run, secrets masked. What a later version wrote beside it is passed over. */
export function specOf(reader: RunReader): RunSpec {
  return fromJsonString(RunSpecSchema, reader.run().spec, { ignoreUnknownFields: true });
}

function contextOf(reader: RunReader, { folder, cliCommand }: ExportRequest): ExportContext {
  const spec = specOf(reader);
  const kinds = reader.phases().map(({ kind }) => kind);
  // Where no two phases are of a kind, both summaries are one and the same work.
  const isMerged = new Set(kinds).size < kinds.length;
  let merged: RunSummary | undefined;
  let apart: RunSummary | undefined;
  const phases = (): RunSummary => (apart ??= summarize(reader));
  return {
    reader,
    summary: () => (merged ??= isMerged ? summarize(reader, { isMerged }) : phases()),
    phases,
    spec,
    folder,
    cliCommand: cliCommand ?? spec.output?.cliCommand ?? "",
  };
}

/** Kinds of the sources that gave anything. */
function kindsOf(reader: RunReader): Set<string> {
  const sources = reader.telemetrySources().filter(({ scrapes }) => scrapes > 0);
  return new Set(sources.map(({ kind }) => kind));
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new AssayError("permission_denied", `cannot make folder "${folder}": ${messageOf(error)}`, { cause: error });
  }
}

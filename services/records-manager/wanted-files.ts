/** Which files of a run somebody asks for. Pure. */
import { AssayError } from "../common/errors.ts";
import { exportFormats, isExportFormat } from "../common/export-files.ts";
import { RUN_FILE } from "../common/run-file.ts";
import type { OfferedFile } from "./exports/export-run.ts";

/** Those of the formats, then those named, each once and in the order asked for; where nothing is asked for the usual ones. Throws `invalid_argument`. */
export function wantedFiles(
  offered: readonly OfferedFile[],
  files: readonly string[],
  formats: readonly string[],
): readonly OfferedFile[] {
  const named = files.map((file) => {
    const found = offered.find((candidate) => candidate.file === file);
    if (found !== undefined) return found;
    const known = offered.map((candidate) => candidate.file);
    throw new AssayError("invalid_argument", `files: must be of ${known.join(", ")}, got ${file}`);
  });
  if (files.length === 0 && formats.length === 0) return offered.filter(({ isUsual }) => isUsual);
  return [...new Set([...formats.flatMap((format) => filesOf(offered, format)), ...named])];
}

function filesOf(offered: readonly OfferedFile[], format: string): OfferedFile[] {
  if (!isExportFormat(format)) {
    throw new AssayError("invalid_argument", `formats: must be of ${Object.keys(exportFormats).join(", ")}, got ${format}`);
  }
  const exporters: readonly string[] | undefined = exportFormats[format];
  if (exporters === undefined) return offered.filter(({ file, isUsual }) => isUsual && file !== RUN_FILE);
  return offered.filter(({ exporter }) => exporter !== undefined && exporters.includes(exporter));
}

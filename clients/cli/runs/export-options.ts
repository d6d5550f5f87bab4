/** What options of `assay runs export` cannot be together. */
import type { GivenOptions } from "../asked.ts";
import type { runsExportFlags } from "./flags.ts";

export function problemsOfExport({ options }: GivenOptions<typeof runsExportFlags>): string[] {
  const { output, artifactDir, format, files = [] } = options;
  if (output === undefined) return [];
  const isOne = format === undefined ? files.length === 1 : format !== "aiperf" && files.length === 0;
  return [
    ...(isOne ? [] : ["--output: needs one file, of --format (but aiperf, which has several) or of one --file"]),
    ...(artifactDir === undefined ? [] : ["--output: not together with --artifact-dir, which names a folder"]),
  ];
}

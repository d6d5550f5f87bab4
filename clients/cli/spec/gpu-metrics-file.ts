/** A list of dcgm-exporter's fields that is named by its file: the RunSpec has what is in it, since telemetry may be on another host. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { messageOf } from "../../../services/common/errors.ts";
import { readGpuFieldList } from "../../../services/common/gpu-field-list.ts";

/**
 * A RunSpec in proto JSON whose `telemetry.gpu_metrics_csv` is text where it was the path of a file, relative to `cwd`. Lines are text.
 * @returns `problems`: it cannot be read, or has lines that are no fields, each with its place
 */
export async function withGpuMetricsText(
  spec: JsonObject,
  cwd: string,
): Promise<{ readonly spec: JsonObject; readonly problems: readonly string[] }> {
  const { telemetry } = spec;
  if (typeof telemetry !== "object" || telemetry === null || Array.isArray(telemetry)) return { spec, problems: [] };
  const path = telemetry.gpu_metrics_csv;
  if (typeof path !== "string" || !/^[^\n]+\.csv$/i.test(path)) return { spec, problems: [] };
  try {
    const text = await readFile(resolve(cwd, path), "utf8");
    const problems = readGpuFieldList(text).problems.map((problem) => `${path}:${problem}`);
    return { spec: { ...spec, telemetry: { ...telemetry, gpu_metrics_csv: text } }, problems };
  } catch (error) {
    return { spec, problems: [`the list of GPU metrics ${path} cannot be read: ${messageOf(error)}`] };
  }
}

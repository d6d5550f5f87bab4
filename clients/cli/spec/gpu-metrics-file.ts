/** A list of dcgm-exporter's fields that is named by its file: the RunSpec has what is in it, since telemetry may be on another host. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { messageOf } from "../../../services/common/errors.ts";

/**
 * A RunSpec in proto JSON whose `telemetry.gpu_metrics_csv` is text where it was the path of a file, relative to `cwd`. Lines are text.
 * @returns `problem`: it cannot be read
 */
export async function withGpuMetricsText(
  spec: JsonObject,
  cwd: string,
): Promise<{ readonly spec: JsonObject; readonly problem?: string }> {
  const { telemetry } = spec;
  if (typeof telemetry !== "object" || telemetry === null || Array.isArray(telemetry)) return { spec };
  const path = telemetry.gpu_metrics_csv;
  if (typeof path !== "string" || !/^[^\n]+\.csv$/i.test(path)) return { spec };
  try {
    const text = await readFile(resolve(cwd, path), "utf8");
    return { spec: { ...spec, telemetry: { ...telemetry, gpu_metrics_csv: text } } };
  } catch (error) {
    return { spec, problem: `the list of GPU metrics ${path} cannot be read: ${messageOf(error)}` };
  }
}

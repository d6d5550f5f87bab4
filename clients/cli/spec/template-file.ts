/** A request template that is named by its file: the RunSpec has what is in it, since its services may be on other hosts. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { messageOf } from "../../../services/common/errors.ts";

/** Longer than any path; a text with a brace in it is a template itself. */
const maxPathChars = 1024;

/**
 * A RunSpec in proto JSON whose template is text: `endpoint.template.body`, or `payload_template` of the extra inputs, may be the path of a
 * file, as in AIPerf. What is no file stays as it is. Paths are relative to `cwd`.
 * @returns `problem`: there is such a file and it cannot be read
 */
export async function withTemplateText(
  spec: JsonObject,
  cwd: string,
): Promise<{ readonly spec: JsonObject; readonly problem?: string }> {
  const endpoint = objectOf(spec.endpoint);
  if (endpoint?.type !== "template") return { spec };
  const template = objectOf(endpoint.template);
  const inputs = objectOf(endpoint.extra_inputs);
  try {
    const body = await fileText(template?.body, cwd);
    const input = await fileText(inputs?.payload_template, cwd);
    const changes: JsonObject = {
      ...(body === undefined ? {} : { template: { ...template, body } }),
      ...(input === undefined ? {} : { extra_inputs: { ...inputs, payload_template: input } }),
    };
    return { spec: { ...spec, endpoint: { ...endpoint, ...changes } } };
  } catch (error) {
    return { spec, problem: `the template cannot be read: ${messageOf(error)}` };
  }
}

/** Undefined: the value is no path of a file. */
async function fileText(value: JsonValue | undefined, cwd: string): Promise<string | undefined> {
  if (typeof value !== "string" || value === "" || value.length > maxPathChars || value.includes("{")) return undefined;
  try {
    return await readFile(resolve(cwd, value), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
    throw error;
  }
}

function objectOf(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

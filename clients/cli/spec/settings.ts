/** `--set PATH=VALUE`: one field of a RunSpec. Pure. */
import type { DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { maskedSetting } from "../parse.ts";
import { fieldOf, nearestField, readSpecValue } from "./spec-reader.ts";

/**
 * The spec with every setting made, in order; the given one is left as it is. An empty value takes the field away. An index one
 * beyond a list adds to it. Problems name the setting.
 */
export function withSettings(
  spec: JsonObject,
  settings: readonly string[],
): { readonly spec: JsonObject; readonly problems: readonly string[] } {
  const changed = structuredClone(spec);
  const problems = settings.flatMap((setting) => {
    const equals = setting.indexOf("=");
    const problem = apply(changed, setting.slice(0, equals), setting.slice(equals + 1));
    return problem === undefined ? [] : [`--set ${maskedSetting(setting)}: ${problem}`];
  });
  return { spec: changed, problems };
}

/** The path of a setting as complaints spell it: `phases.0.stop` and `phases[0].stop` are one. */
export function pathOfSetting(setting: string): string {
  return stepsOf(setting.slice(0, setting.indexOf("=")))
    .map((step, index) => (/^\d+$/.test(step) ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join("");
}

function stepsOf(path: string): string[] {
  return path.replaceAll(/\[(\d+)\]/g, ".$1").split(".");
}

function apply(spec: JsonObject, path: string, text: string): string | undefined {
  const steps = stepsOf(path);
  let holder: JsonObject | JsonValue[] = spec;
  let schema: DescMessage | undefined = RunSpecSchema;
  let field: DescField | undefined;
  for (const [index, step] of steps.entries()) {
    const isLast = index === steps.length - 1;
    if (Array.isArray(holder)) {
      const place = Number(step);
      if (!/^\d+$/.test(step) || place > holder.length) return `expected an index from 0 to ${holder.length}, got ${step}`;
      if (isLast) return put(holder, place, text, field, path);
      holder = inside(holder, place, {});
      schema = messageOf(field);
      continue;
    }
    if (schema === undefined) {
      // Inside of a map or of a free-form object every name is good.
      if (isLast) return putText(holder, step, text, field, path);
      holder = inside(holder, step, {});
      continue;
    }
    field = fieldOf(schema, step);
    if (field === undefined) return `unknown field ${steps.slice(0, index + 1).join(".")}${nearestField(schema, step)}`;
    leaveOneof(holder, field);
    if (isLast) return put(holder, field.name, text, field, path);
    if (field.fieldKind === "scalar" || field.fieldKind === "enum") return `${steps.slice(0, index + 1).join(".")} has no fields`;
    holder = inside(holder, field.name, field.fieldKind === "list" ? [] : {});
    schema = isFree(field) ? undefined : messageOf(field);
  }
  return "expected a path";
}

/** Setting one of several sources or loads takes the place of the other. */
function leaveOneof(holder: JsonObject, field: DescField): void {
  for (const other of field.oneof?.fields ?? []) if (other !== field) delete holder[other.name];
}

function isFree(field: DescField): boolean {
  return field.fieldKind === "map" || (field.fieldKind === "message" && field.message.typeName === "google.protobuf.Struct");
}

function messageOf(field: DescField | undefined): DescMessage | undefined {
  if (field?.fieldKind === "message") return field.message;
  return field?.fieldKind === "list" && field.listKind === "message" ? field.message : undefined;
}

function inside(
  holder: JsonObject | JsonValue[],
  key: string | number,
  empty: JsonObject | JsonValue[],
): JsonObject | JsonValue[] {
  const object = holder as Record<string | number, JsonValue | undefined>;
  const found = object[key];
  if (typeof found === "object" && found !== null) return found;
  object[key] = empty;
  return empty;
}

function put(
  holder: JsonObject | JsonValue[],
  key: string | number,
  text: string,
  field: DescField | undefined,
  path: string,
): string | undefined {
  if (field === undefined) return "expected a path";
  const isItem = Array.isArray(holder);
  if (text === "") {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key as string];
    return undefined;
  }
  const read = readSpecValue(isItem ? `[${text}]` : text, field, path);
  if ("problem" in read) return read.problem.replace(`${path}: `, "").replace(`${path}[0]: `, "");
  (holder as Record<string | number, JsonValue>)[key] = isItem ? ((read.value as JsonValue[])[0] ?? null) : read.value;
  return undefined;
}

/** Into a map of texts the value goes as it is; into a free-form object as the JSON that it may be. */
function putText(holder: JsonObject, key: string, text: string, field: DescField | undefined, path: string): string | undefined {
  if (field?.fieldKind === "map") {
    if (text === "") delete holder[key];
    else holder[key] = text;
    return undefined;
  }
  if (field === undefined) return "expected a path";
  const read = readSpecValue(`{"value": ${text}}`, field, path);
  const inner = "problem" in read ? readSpecValue(`{"value": ${JSON.stringify(text)}}`, field, path) : read;
  if ("problem" in inner) return inner.problem;
  holder[key] = (inner.value as JsonObject).value ?? null;
  return undefined;
}

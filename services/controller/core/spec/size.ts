/** How much a spec may have of anything, which is far beyond what a run needs. Pure. */
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type RunSpec, RunSpecSchema } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { FieldViolation } from "../../../common/errors.ts";

/** Of a list or a map. */
export const mostEntries = 10_000;

/** Lists and maps that are too long: nothing else of the spec is to be looked at then. */
export function oversizedFields(spec: RunSpec): FieldViolation[] {
  return oversized(reflect(RunSpecSchema, spec), "");
}

function oversized(message: ReflectMessage, path: string): FieldViolation[] {
  return message.fields
    .filter((field) => message.isSet(field))
    .flatMap((field): FieldViolation[] => {
      const name = path === "" ? field.name : `${path}.${field.name}`;
      switch (field.fieldKind) {
        case "message":
          return oversized(message.get(field), name);
        case "list": {
          const list = message.get(field);
          if (list.size > mostEntries) return [tooMany(name, list.size)];
          const inner = field.listKind === "message" ? [...list] : [];
          return inner.flatMap((one, index) => oversized(one as ReflectMessage, `${name}[${index}]`));
        }
        case "map": {
          const { size } = message.get(field);
          return size > mostEntries ? [tooMany(name, size)] : [];
        }
        default:
          return [];
      }
    });
}

function tooMany(field: string, count: number): FieldViolation {
  return { field, description: `must have at most ${mostEntries} entries, got ${count}` };
}

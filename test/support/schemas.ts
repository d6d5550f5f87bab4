/** The schemas of a run's files, as a reader would use them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";

const folder = join(import.meta.dirname, "../../docs/schemas");

export const schemaNames: readonly string[] = readdirSync(folder)
  .map((file) => file.replace(/\.schema\.json$/, ""))
  .sort();

/** As the standard has them, as far as files of Assay say them. */
const formats = {
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  duration: /^PT\d+(\.\d+)?S$/,
};

const ajv = new Ajv2020.default({ strict: true, allErrors: true, allowUnionTypes: true, strictTypes: false, formats });
for (const name of schemaNames) ajv.addSchema(JSON.parse(readFileSync(join(folder, `${name}.schema.json`), "utf8")));

/** What of a document its schema does not allow, with where; empty: it is what the schema says. Throws for a schema that is none. */
export function violationsOf(name: string, document: unknown): string[] {
  const validate = ajv.getSchema(`${name}.schema.json`);
  if (validate === undefined) throw new Error(`there is no schema ${name}`);
  if (validate(document) === true) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath}: ${message} ${JSON.stringify(params)}`,
  );
}

/** Of each line of a file, by the number of the line; an empty file has none. */
export function violationsOfLines(name: string, text: string): string[] {
  const lines = text === "" ? [] : text.trimEnd().split("\n");
  return lines.flatMap((line, index) => violationsOf(name, JSON.parse(line)).map((violation) => `line ${index + 1}${violation}`));
}

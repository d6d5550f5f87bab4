/**
 * JSON schemas of draft 2020-12, and of draft 7 where `$schema` says so. `format` says nothing, unknown keywords are passed over, and
 * patterns are RE2's.
 */
import { Ajv, type ErrorObject, type Options } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { isJsonObject, type JsonObject, parseJson } from "../../../endpoints/json-body.ts";
import { AssayError, messageOf } from "../errors.ts";
import { regularExpression } from "./regular-expression.ts";

/** Why a text does not fit the schema; undefined: it does. */
export type SchemaCheck = (text: string) => string | undefined;

/** `code` is for modules that Ajv can write, which nothing here asks for. */
const engine = Object.assign((pattern: string) => regularExpression(pattern), { code: "" });
const options: Options = { strict: false, validateFormats: false, logger: false, code: { regExp: engine } };
/** Each schema is compiled by an instance of its own, which remembers no names of others, and ends with it. */
const ofOne: Options = { ...options, meta: false, validateSchema: false };

const drafts = {
  "2020-12": { validator: new Ajv2020(options), compile: (schema: JsonObject) => new Ajv2020(ofOne).compile(schema) },
  "7": { validator: new Ajv(options), compile: (schema: JsonObject) => new Ajv(ofOne).compile(schema) },
};
const draft7Name = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/;

/** Throws `invalid_argument` with what is wrong with the schema. */
export function jsonSchema(schemaText: string): SchemaCheck {
  const schema = parseJson(schemaText);
  if (!isJsonObject(schema)) throw unusable("expected an object");
  const isDraft7 = typeof schema.$schema === "string" && draft7Name.test(schema.$schema);
  const validate = compiled(schema, drafts[isDraft7 ? "7" : "2020-12"]);
  return (text) => {
    const value = parseJson(text);
    if (value === undefined) return "is no JSON";
    return validate(value) ? undefined : `does not fit the schema: ${shownError(validate.errors?.[0], "the answer")}`;
  };
}

function compiled(schema: JsonObject, { validator, compile }: (typeof drafts)["7"]): ReturnType<Ajv["compile"]> {
  try {
    if (validator.validateSchema(schema) === true) return compile(schema);
  } catch (error) {
    throw unusable(messageOf(error), error);
  }
  throw unusable(shownError(validator.errors?.[0], "it"));
}

function unusable(why: string, cause?: unknown): AssayError {
  return new AssayError("invalid_argument", `is no JSON schema that can be used: ${why}`, { cause });
}

function shownError(error: ErrorObject | undefined, whole: string): string {
  const { instancePath = "", message = "" } = error ?? {};
  return `${instancePath === "" ? whole : instancePath} ${message}`;
}

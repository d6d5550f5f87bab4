/**
 * What a service may be configured with: one plain table per service, from which the typed config, the command line, the
 * environment's names and the reference page are made. Loading is `config.ts`; this file needs nothing to be loaded.
 */
import { AssayError, type FieldViolation } from "./errors.ts";

/**
 * What a value must be. Texts (environment, arguments) are turned into it strictly: a number is all of the text; a boolean is
 * `true`, `1`, `false` or `0`; a list is separated by commas. An array names the allowed texts.
 */
export type ConfigFormat = "string" | "boolean" | "number" | "int" | "nat" | "port" | "list" | readonly string[];

/** One key of a service's config. */
export interface ConfigKey {
  /** One sentence, with unit and what unset means. */
  readonly doc: string;
  /** Already legal. `null` = unset, and then `null` is a legal value. */
  readonly default: string | number | boolean | readonly string[] | null;
  readonly format: ConfigFormat;
  /** `ASSAY_…` */
  readonly env: `ASSAY_${string}`;
  /** Without the dashes; a boolean's argument needs no value, and `--no-…` is its opposite. */
  readonly arg: string;
  /** Masked wherever the config is shown, and never quoted in a message. */
  readonly sensitive?: true;
  /** What a legal value of this format must be besides (`at least 1`); undefined if it is. */
  readonly check?: (value: never) => string | undefined;
  /** Why a legal value is probably not meant; undefined if it is fine. */
  readonly suspect?: (value: never) => string | undefined;
}

/** Keys of one service, camelCase, units last. */
export type ConfigSchema = Readonly<Record<string, ConfigKey>>;
/** Schemas by service name. */
export type ConfigSchemas = Readonly<Record<string, ConfigSchema>>;

type FormatValue<F> = F extends readonly (infer Allowed)[]
  ? Allowed
  : F extends "string"
    ? string
    : F extends "boolean"
      ? boolean
      : F extends "list"
        ? readonly string[]
        : number;
type KeyValue<K extends ConfigKey> = FormatValue<K["format"]> | (K["default"] extends null ? null : never);

/** The config of one service. */
export type ServiceConfig<S extends ConfigSchema> = { readonly [Key in keyof S]: KeyValue<S[Key]> };
/** The configs of all services, by name. */
export type Config<S extends ConfigSchemas> = { readonly [Service in keyof S]: ServiceConfig<S[Service]> };

/** Returns its argument; keeps the literal types from which the config's type is made. */
export function defineConfig<const S extends ConfigSchema>(schema: S): S {
  return schema;
}

/** One key, for help texts and the reference page. */
export interface ConfigDescription {
  readonly service: string;
  readonly key: string;
  readonly doc: string;
  /** As one would write it: `8080`, `a,b`, `(unset)`. */
  readonly default: string;
  /** In words: `whole number, 0 or more`. */
  readonly format: string;
  readonly env: string;
  /** With dashes. */
  readonly arg: string;
  readonly isSensitive: boolean;
}

/** All keys in the order of the schemas. */
export function describeConfig(schemas: ConfigSchemas): ConfigDescription[] {
  return keysOf(schemas).map(({ service, name, key }) => ({
    service,
    key: name,
    doc: key.doc,
    default: key.default === null ? "(unset)" : String(key.default),
    format: formatInWords(key.format),
    env: key.env,
    arg: `--${key.arg}`,
    isSensitive: key.sensitive === true,
  }));
}

/**
 * The config that a parent process gives a child: what it names, over the defaults, so that a child needs to load nothing. Keys
 * that a schema does not have are left out.
 * @throws AssayError `invalid_argument` with one violation for each value that is none of its key's
 */
export function configOver<S extends ConfigSchemas>(schemas: S, given: Readonly<Record<string, unknown>>): Config<S> {
  const config: Record<string, Record<string, unknown>> = {};
  const violations: FieldViolation[] = [];
  for (const { path, service, name, key } of keysOf(schemas)) {
    const section = given[service];
    const value = typeof section === "object" && section !== null ? (section as Record<string, unknown>)[name] : undefined;
    const problem = value === undefined ? undefined : problemOf(key, value);
    if (problem !== undefined) violations.push({ field: path, description: problem });
    config[service] = { ...config[service], [name]: value ?? key.default };
  }
  if (violations.length > 0) {
    const lines = violations.map(({ field, description }) => `${field}: ${description}`);
    throw new AssayError("invalid_argument", lines.join("; "), { violations });
  }
  return deepFreeze(config) as unknown as Config<S>;
}

/** One key with its place. */
export interface PlacedKey {
  readonly service: string;
  readonly name: string;
  /** `service.name` */
  readonly path: string;
  readonly key: ConfigKey;
}

/** All keys of all services. */
export function keysOf(schemas: ConfigSchemas): PlacedKey[] {
  return Object.entries(schemas).flatMap(([service, schema]) =>
    Object.entries(schema).map(([name, key]) => ({ service, name, path: `${service}.${name}`, key })),
  );
}

/** The value that a text means in this format; the text itself where it means none, for `problemOf` to refuse. */
export function valueOfText(format: ConfigFormat, text: string): unknown {
  switch (format) {
    case "boolean":
      if (text === "true" || text === "1") return true;
      return text === "false" || text === "0" ? false : text;
    case "number":
    case "int":
    case "nat":
    case "port":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
    case "list":
      return text.split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]));
    default:
      return text;
  }
}

/** What a value must be and is not: `must be true or false, got "yes"`; undefined if it is legal. */
export function problemOf(key: ConfigKey, value: unknown): string | undefined {
  if (value === null && key.default === null) return undefined;
  const shown = key.sensitive ? "" : `, got ${JSON.stringify(value)}`;
  if (!hasFormat(key.format, value)) return `must be ${formatInWords(key.format)}${shown}`;
  const expected = key.check?.(value as never);
  return expected === undefined ? undefined : `must be ${expected}${shown}`;
}

function hasFormat(format: ConfigFormat, value: unknown): boolean {
  switch (format) {
    case "string":
    case "boolean":
      return typeof value === format;
    case "number":
      return Number.isFinite(value);
    case "int":
      return Number.isSafeInteger(value);
    case "nat":
      return Number.isSafeInteger(value) && Number(value) >= 0;
    case "port":
      return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= 65535;
    case "list":
      return Array.isArray(value) && value.every((item) => typeof item === "string");
    default:
      return typeof value === "string" && format.includes(value);
  }
}

function formatInWords(format: ConfigFormat): string {
  switch (format) {
    case "string":
      return "a text";
    case "boolean":
      return "true or false";
    case "number":
      return "a number";
    case "int":
      return "a whole number";
    case "nat":
      return "a whole number, 0 or more";
    case "port":
      return "a port, 0 to 65535";
    case "list":
      return "a list of texts";
    default:
      return `one of ${format.join(", ")}`;
  }
}

/** Freezes a value and everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}

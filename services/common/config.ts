/**
 * Loads the services' config: default < file < environment < argument. The only file that knows convict, which is loaded
 * with the first call: a process that got its config from its parent (`configOver`) never pays for it.
 */
import { readFile } from "node:fs/promises";
import { type Config, type ConfigSchemas, deepFreeze, keysOf, type PlacedKey, problemOf, valueOfText } from "./config-schema.ts";
import { AssayError, type FieldViolation, messageOf } from "./errors.ts";
import { didYouMean } from "./nearest.ts";

export interface ConfigSources {
  /** Arguments that are config and nothing else: `--name value`, `--name=value`, `--flag`, `--no-flag`. */
  readonly argv: readonly string[];
  /** The environment; only `ASSAY_…` is looked at, and an empty text counts as unset. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of a JSON file: an object of services, each an object of keys. Undefined: none. */
  readonly file?: string | undefined;
  /** `ASSAY_…` names that are somebody else's, so that they raise no warning. */
  readonly otherEnv?: readonly string[];
}

export interface LoadedConfig<S extends ConfigSchemas> {
  /** Deeply frozen. */
  readonly config: Config<S>;
  /** Legal but probably not meant, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * @throws AssayError `invalid_argument` with one violation for each wrong or unknown key, environment variable, argument, all
 *   of them at once; its message has one line for each
 */
export async function loadConfig<S extends ConfigSchemas>(schemas: S, sources: ConfigSources): Promise<LoadedConfig<S>> {
  const keys = keysOf(schemas);
  const violations: FieldViolation[] = [];
  const file = await readConfigFile(sources.file, schemas, violations);
  const env = environmentOf(keys, sources.env);
  const args = argumentsOf(keys, sources.argv, violations);

  const config = await mergedBy(keys, { file, env, args }, violations);
  if (violations.length > 0) throw invalidConfig(violations);
  const warnings = [...strangeEnvironment(keys, sources), ...suspects(keys, config)];
  return { config: deepFreeze(config) as unknown as Config<S>, warnings };
}

type Sections = Record<string, Record<string, unknown>>;

interface Layers {
  readonly file: Sections;
  readonly env: Readonly<Record<string, string>>;
  /** Texts by path of the key. */
  readonly args: ReadonlyMap<string, string>;
}

async function mergedBy(keys: readonly PlacedKey[], layers: Layers, violations: FieldViolation[]): Promise<Sections> {
  const { default: convict } = await import("convict");
  const schema: Record<string, Record<string, object>> = {};
  for (const { service, name, path, key } of keys) {
    const format = `assay ${JSON.stringify(key.format)}`;
    // convict's own formats take "12abc" for 12 and "yes" for true.
    convict.addFormat({
      name: format,
      validate: reportProblem,
      coerce: (text: unknown) => valueOfText(key.format, String(text)),
    });
    const report = (value: unknown) => {
      const problem = problemOf(key, value);
      if (problem !== undefined)
        violations.push({ field: path, description: `${problem}${originOf(path, key.env, key.arg, layers)}` });
    };
    const { default: value, env, arg, doc } = key;
    schema[service] = { ...schema[service], [name]: { default: value, format, env, arg, doc, report } };
  }
  const config = convict<Sections>(schema as never, { args: [], env: layers.env });
  config.load(layers.file);
  // After load(), which applies the environment again. Not as `args`, which convict would read as numbers and back.
  for (const [path, text] of layers.args) config.set(path, text as never);
  config.validate({ allowed: "strict" });
  return config.getProperties();
}

/** convict stops telling at one text for all problems; each key gathers its own instead. */
function reportProblem(value: unknown, entry: unknown): void {
  (entry as { report(value: unknown): void }).report(value);
}

function originOf(path: string, env: string, arg: string, layers: Layers): string {
  const [service = "", name = ""] = path.split(".");
  if (layers.args.has(path)) return ` (--${arg})`;
  if (layers.env[env] !== undefined) return ` (${env})`;
  return layers.file[service]?.[name] === undefined ? "" : " (config file)";
}

/** The known keys of the file; everything else becomes a violation. */
async function readConfigFile(path: string | undefined, schemas: ConfigSchemas, violations: FieldViolation[]): Promise<Sections> {
  if (path === undefined) return {};
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    violations.push({ field: path, description: `cannot be read as a config file: ${messageOf(error)}` });
    return {};
  }
  const known: Sections = {};
  for (const [service, section] of entriesOf(content, path, violations)) {
    const schema = Object.hasOwn(schemas, service) ? schemas[service] : undefined;
    if (schema === undefined) {
      violations.push({ field: service, description: `unknown service in ${path}${didYouMean(service, Object.keys(schemas))}` });
      continue;
    }
    for (const [name, value] of entriesOf(section, service, violations)) {
      if (Object.hasOwn(schema, name)) known[service] = { ...known[service], [name]: leaf(value) };
      else
        violations.push({
          field: `${service}.${name}`,
          description: `unknown key in ${path}${didYouMean(name, Object.keys(schema))}`,
        });
    }
  }
  return known;
}

/** No key takes an object, and convict would look for keys inside it: within a list it is refused like any wrong value. */
function leaf(value: unknown): unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? [value] : value;
}

function entriesOf(value: unknown, field: string, violations: FieldViolation[]): [string, unknown][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return Object.entries(value);
  violations.push({ field, description: `must be an object, got ${JSON.stringify(value)}` });
  return [];
}

function environmentOf(keys: readonly PlacedKey[], env: ConfigSources["env"]): Record<string, string> {
  return Object.fromEntries(
    keys.flatMap(({ key }) => {
      const text = env[key.env];
      return text === undefined || text === "" ? [] : [[key.env, text]];
    }),
  );
}

function argumentsOf(keys: readonly PlacedKey[], argv: readonly string[], violations: FieldViolation[]): Map<string, string> {
  const byArgument = new Map(keys.map((placed) => [placed.key.arg, placed]));
  const texts = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const given = argv[i] ?? "";
    const [, name = "", , inline] = /^--([^=]+)(=(.*))?$/s.exec(given) ?? [];
    const placed = byArgument.get(name);
    const opposite = name.startsWith("no-") ? byArgument.get(name.slice(3)) : undefined;
    if (placed?.key.format === "boolean") texts.set(placed.path, inline ?? "true");
    else if (placed !== undefined) {
      const text = inline ?? argv[++i];
      if (text === undefined) violations.push({ field: given, description: "needs a value" });
      else texts.set(placed.path, text);
    } else if (opposite?.key.format === "boolean" && inline === undefined) texts.set(opposite.path, "false");
    else violations.push({ field: given, description: `unknown argument${didYouMean(name, byArgument.keys())}` });
  }
  return texts;
}

/** A misspelt variable would otherwise do nothing without a word; it is no error, since the environment is shared. */
function strangeEnvironment(keys: readonly PlacedKey[], sources: ConfigSources): string[] {
  const known = new Set([...keys.map(({ key }) => key.env as string), ...(sources.otherEnv ?? [])]);
  return Object.keys(sources.env)
    .filter((name) => name.startsWith("ASSAY_") && !known.has(name))
    .map((name) => `unknown environment variable ${name}${didYouMean(name, known)}`);
}

function suspects(keys: readonly PlacedKey[], config: Sections): string[] {
  return keys.flatMap(({ service, name, path, key }) => {
    const why = key.suspect?.(config[service]?.[name] as never);
    return why === undefined ? [] : [`${path}: ${why}`];
  });
}

function invalidConfig(violations: readonly FieldViolation[]): AssayError {
  const lines = violations.map(({ field, description }) => `  ${field}: ${description}`);
  return new AssayError("invalid_argument", `config is not valid:\n${lines.join("\n")}`, {
    reason: "INVALID_CONFIG",
    violations,
  });
}

/** What a process of a suite is told: every config table, and what follows from a config for services, secrets and files. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Config, type ConfigSchema, configOver, valueOfText } from "./common/config-schema.ts";
import { AssayError, messageOf } from "./common/errors.ts";
import { defaultRunsDir } from "./common/floor-store.ts";
import { type ServiceName, serviceNames } from "./common/module.ts";
import { didYouMean } from "./common/nearest.ts";
import type { Bootstrap } from "./common/parent.ts";
import { processConfig } from "./common/process-config.ts";
import type { Pems, TlsPaths, WatchedPems } from "./common/rpc/tls-files.ts";
import { ownFolder } from "./common/suite-files.ts";
import { controllerConfig } from "./controller/config.ts";
import { datasetConfig } from "./dataset/config.ts";
import { telemetryConfig } from "./telemetry/config.ts";
import { workerConfig } from "./worker/config.ts";
import { workerManagerConfig } from "./worker-manager/config.ts";

/** Every config table, by service; `process` is what all of them share. */
export const configSchemas = {
  process: processConfig,
  controller: controllerConfig,
  dataset: datasetConfig,
  telemetry: telemetryConfig,
  worker: workerConfig,
  "worker-manager": workerManagerConfig,
} as const;

export type SuiteConfig = Config<typeof configSchemas>;

/** Services whose variables count in a local suite, too: none of theirs says where anything is or who may reach it. */
const ownEnvironment: readonly (keyof typeof configSchemas)[] = ["telemetry"];

/** The config of a process that another one of the suite started: what its parent names, over the environment of some services. Throws as `configOver` does. */
export function configOfBootstrap(bootstrap: Bootstrap, env: Environment): SuiteConfig {
  const given: Record<string, unknown> = { ...bootstrap.config };
  for (const service of ownEnvironment)
    given[service] = { ...valuesIn(env, configSchemas[service]), ...sectionOf(given[service]) };
  return configOver(configSchemas, given);
}

type Environment = Readonly<Record<string, string | undefined>>;

function valuesIn(env: Environment, schema: ConfigSchema): Record<string, unknown> {
  const said = Object.entries(schema).flatMap(([name, { format, env: variable }]) => {
    const text = env[variable] ?? "";
    return text === "" ? [] : [[name, valueOfText(format, text)] as const];
  });
  return Object.fromEntries(said);
}

function sectionOf(given: unknown): object {
  return typeof given === "object" && given !== null ? given : {};
}

/** Services as `--services` names them; `all` is one more row. Throws `invalid_argument` with the nearest names. */
export function parseServices(text: string): ServiceName[] {
  const names = text.split(",").map((name) => name.trim());
  // Workers are processes of their own: their manager starts them.
  if (names.includes("all")) return serviceNames.filter((name) => name !== "worker");
  const wrong = names.filter((name) => !isServiceName(name));
  const [first] = wrong;
  if (first !== undefined) {
    const known = ["all", ...serviceNames];
    const got = wrong.join(", ") || "nothing";
    throw new AssayError("invalid_argument", `--services: must be of ${known.join(", ")}, got ${got}${didYouMean(first, known)}`);
  }
  return [...new Set(names.filter(isServiceName))];
}

function isServiceName(name: string): name is ServiceName {
  return serviceNames.some((known) => known === name);
}

/** Where the process logs beside its standard error; undefined: nowhere. */
export function logFileOf(config: SuiteConfig, bootstrap: Bootstrap | undefined): string | undefined {
  return bootstrap?.logFile ?? config.process.logFile ?? undefined;
}

/** What the dataset service may read, and where it keeps what it read. */
export function sourceLimitsOf({ root, maxFileBytes, cacheDir, cacheBytes, publicDir, publicUrl }: SuiteConfig["dataset"]) {
  const { HF_HUB_OFFLINE: offline = "", HF_TOKEN: token } = process.env;
  const folder = cacheDir === null ? datasetCacheDir() : cacheDir === "" ? undefined : resolve(cacheDir);
  return {
    root: root === null ? undefined : resolve(root),
    maxFileBytes,
    store: folder === undefined ? undefined : { folder, maxBytes: cacheBytes },
    publicFiles: {
      folder: publicDir === null ? undefined : resolve(publicDir),
      baseUrl: publicUrl === "" || /^(1|on|yes|true)$/i.test(offline) ? undefined : publicUrl,
      token,
    },
  };
}

/** Where what takes long to make is kept. */
function datasetCacheDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "assay", "datasets");
}

/** Where runs are kept. */
export function runsDirOf(config: SuiteConfig): string {
  return config.controller.runsDir ?? defaultRunsDir(process.env);
}

/** A file with endpoint families of its own; undefined: the built-in ones. */
export function endpointModuleOf({ process: { endpointModule } }: SuiteConfig): string | undefined {
  return endpointModule === null ? undefined : resolve(endpointModule);
}

/** The suite's token: given by the parent, or read from its file; the controller's process makes that where it is missing. */
export function tokenOf(
  config: SuiteConfig,
  bootstrap: Bootstrap | undefined,
  isController: boolean,
): { token: string | undefined; file: string | undefined } {
  if (bootstrap !== undefined) return { token: bootstrap.token, file: undefined };
  if (config.process.insecure) return { token: undefined, file: undefined };
  const file = config.process.joinTokenFile ?? join(ownFolder(process.env), "token");
  try {
    const token = readFileSync(file, "utf8").trim();
    if (token !== "") return { token, file };
    throw new AssayError("invalid_argument", `--join-token-file: ${file} is empty`);
  } catch (error) {
    if (error instanceof AssayError) throw error;
    // Members that know each other by certificates need none.
    const { joinTokenFile, tlsCert, tlsCa } = config.process;
    if (!isController && joinTokenFile === null && tlsCert !== null && tlsCa !== null)
      return { token: undefined, file: undefined };
    if (!isController) {
      throw new AssayError("invalid_argument", `--join-token-file: the suite's token cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  const token = randomBytes(32).toString("base64url");
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  return { token, file };
}

/** Files with the certificates of both ends of its calls; undefined: it speaks without TLS. Throws `invalid_argument` for a part of them. */
export function tlsPathsOf({ process: { tlsCert, tlsKey, tlsCa } }: SuiteConfig): TlsPaths | undefined {
  if (tlsCert === null && tlsKey === null && tlsCa === null) return undefined;
  if (tlsCert === null && tlsKey === null) {
    throw new AssayError("invalid_argument", "--tls-ca: needs --tls-cert and --tls-key, since this process is dialled, too");
  }
  return { cert: tlsCert ?? undefined, key: tlsKey ?? undefined, ca: tlsCa ?? undefined };
}

/** Both ends of a process's calls, by its certificates of the moment. */
export function tlsEndsOf(watched: WatchedPems, { process: { tlsClientCertificates } }: SuiteConfig) {
  const serverOf = ({ cert, key, ca }: Pems) => {
    if (cert === undefined || key === undefined) throw new AssayError("internal", "a certificate was given up");
    return { cert, key, ...(ca === undefined ? {} : { ca, clientCertificates: tlsClientCertificates }) };
  };
  return { server: () => serverOf(watched.current()), client: { watched } };
}

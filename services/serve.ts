/** `assay serve`: one process of a suite, started by a person or by another process of it. */
import { resolve } from "node:path";
import { messageOf } from "./common/errors.ts";
import { readParent } from "./common/parent.ts";
import { listSuite } from "./common/suite-files.ts";
import { configOfBootstrap, configSchemas, parseServices, type SuiteConfig } from "./suite-config.ts";
import { loadServices, type SuiteProcess, startSuiteProcess } from "./suite-process.ts";

/** Exit code: 0 ended as asked, 1 failed, 2 wrong arguments. */
export async function serve(argv: readonly string[]): Promise<number> {
  if (argv.includes("--bootstrap")) return serveChild(argv);
  if (argv.includes("--help") || argv.includes("-h")) {
    const [{ helpOf }, { servePage }] = await Promise.all([import("../clients/cli/help.ts"), import("./manual.ts")]);
    process.stdout.write(helpOf(servePage(), process.stdout.columns ?? 120));
    return 0;
  }
  try {
    const services = parseServices(optionOf(argv, "--services") ?? "");
    const { loadConfig } = await import("./common/config.ts");
    const { config, warnings } = await loadConfig(configSchemas, {
      argv: withoutServices(argv),
      env: process.env,
      otherEnv: ["ASSAY_TOKEN", ...(await import("../clients/cli/commands.ts")).commandVariables],
    });
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    const suite = await startSuiteProcess({ services, config, bootstrap: undefined });
    // Before it says that it listens: whoever waits for that may ask for its end at once.
    const stopped = Promise.race([suite.ended, signalled("SIGTERM"), signalled("SIGINT")]);
    const unlist = services.includes("controller") ? list(suite, config.process) : undefined;
    process.stdout.write(
      `listening on ${suite.address}${suite.tokenFile === undefined ? "" : `, token in ${suite.tokenFile}`}\n`,
    );
    try {
      await stopped;
    } finally {
      unlist?.();
      await suite.stop();
    }
    return 0;
  } catch (error) {
    process.stderr.write(`assay serve: ${messageOf(error)}\n`);
    return isUsageError(error) ? 2 : 1;
  }
}

/** Has the suite found by the commands of this user; it does without where that cannot be. */
function list({ address, tokenFile }: SuiteProcess, { tlsCert, tlsCa }: SuiteConfig["process"]): (() => void) | undefined {
  const suite = {
    address,
    startedBy: "assay serve",
    ...(tokenFile === undefined ? {} : { tokenFile: resolve(tokenFile) }),
    ...(tlsCert === null ? {} : { isTls: true }),
    ...(tlsCa === null ? {} : { tlsCa: resolve(tlsCa) }),
  };
  try {
    return listSuite(suite, process.env);
  } catch (error) {
    process.stderr.write(`warning: assay watch will not find this suite without --controller: ${messageOf(error)}\n`);
    return undefined;
  }
}

/** A process that another one of the suite started; see `common/parent.ts`. */
async function serveChild(argv: readonly string[]): Promise<number> {
  // Ctrl-C reaches every process of a terminal, and SIGTERM all of a group (timeout) or of a unit (systemd); the parent alone decides
  // what they mean, and ends this one by its input.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  let suite: SuiteProcess | undefined;
  try {
    const services = parseServices(optionOf(argv, "--services") ?? "");
    // Loaded while the parent still finds out where the controller is.
    const loaded = loadServices(services);
    loaded.catch(() => {});
    const { bootstrap, gone } = await readParent(process.stdin);
    await loaded;
    suite = await startSuiteProcess({ services, config: configOfBootstrap(bootstrap, process.env), bootstrap });
    answer({ ready: true, address: suite.address, memberId: suite.memberId });
    try {
      await Promise.race([suite.ended, gone]);
    } finally {
      // Whatever keeps it from ending: nothing outlives the process that started it.
      setTimeout(() => process.exit(1), endsWithinMs).unref();
      await suite.stop();
    }
    return 0;
  } catch (error) {
    answer({ ready: false, error: messageOf(error) });
    process.stderr.write(`assay serve: ${messageOf(error)}\n`);
    return 1;
  } finally {
    process.stdin.destroy();
  }
}

/** Above what `stop` takes where somebody has to be waited for. */
const endsWithinMs = 8_000;

/** The parent may be gone or may not listen. */
function answer(message: object): void {
  process.stdout.on("error", () => {});
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function signalled(signal: "SIGTERM" | "SIGINT"): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once(signal, () => resolve());
  return promise;
}

function optionOf(argv: readonly string[], name: string): string | undefined {
  for (const [index, argument] of argv.entries()) {
    if (argument === name) return argv[index + 1];
    if (argument.startsWith(`${name}=`)) return argument.slice(name.length + 1);
  }
  return undefined;
}

function withoutServices(argv: readonly string[]): string[] {
  return argv.filter(
    (argument, index) => argument !== "--services" && !argument.startsWith("--services=") && argv[index - 1] !== "--services",
  );
}

function isUsageError(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "invalid_argument";
}

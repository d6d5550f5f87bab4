/** A suite to ask about runs: the one that was named, or one of this machine's own for as long as the command takes. */
import { resolve } from "node:path";
import type { Run } from "../../../gen/assay/controller/v1/controller_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import type { Asked } from "../asked.ts";
import type { DatasetPlaces } from "../dataset/places.ts";
import { exitCodes } from "../exit-codes.ts";
import type { FlagTable } from "../flags/flag.ts";
import { Interrupts, unlessAborted } from "../interrupts.ts";
import { LocalSuite } from "../local-suite.ts";
import { ownCommand } from "../own-command.ts";
import { type SuiteAddress, suiteAddress } from "../suite-address.ts";
import type { SuiteClient } from "../suite-client.ts";
import { type GivenReach, suiteFailure } from "../suite-failure.ts";

const processes = ["controller,records-manager"] as const;

export interface SuiteUse {
  readonly client: SuiteClient;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** A suite that was found without being named. */
export interface KnownSuite {
  readonly address: SuiteAddress;
}

/** A suite of this machine's own: services by process, the file of the user's own endpoints, where datasets are. */
export interface OwnSuite {
  readonly services: readonly string[];
  readonly endpointModule?: string | undefined;
  readonly datasets?: DatasetPlaces | undefined;
}

/**
 * Connects, carries `use` out and lets go again. What it throws is said in one line, exit code 1, or 2 for what
 * was asked and makes no sense; Ctrl-C ends it at once.
 * @param own where none was named: the suite that is meant, or started; default: enough to read the catalog and the files of runs
 */
export async function withSuite<T extends FlagTable>(
  { options, name, terminal }: Asked<T>,
  use: (suite: SuiteUse) => Promise<number>,
  own: OwnSuite | KnownSuite = { services: processes },
): Promise<number> {
  // Every command of a suite has these.
  const given = options as GivenReach;
  const { controller } = given;
  const interrupts = new Interrupts(terminal);
  const signal = interrupts.stop;
  const suite =
    controller === undefined && "services" in own ? startSuite(own, terminal.cwd, () => interrupts.close()) : undefined;
  const named = async (): Promise<SuiteAddress> =>
    controller === undefined && "address" in own ? own.address : suiteAddress(controller ?? "", given, terminal.env);
  let client: SuiteClient | undefined;
  try {
    const work = async (): Promise<number> => {
      const loading = import("../suite-client.ts");
      const address = await (suite === undefined ? named() : started(suite));
      client = new (await loading).SuiteClient(address);
      return use({ client, signal });
    };
    return (await unlessAborted(work(), signal)) ?? exitCodes.interrupted;
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    if (signal.aborted) return exitCodes.interrupted;
    const found = "address" in own ? { controller: own.address.address } : {};
    terminal.err(`${name}: ${suite === undefined ? suiteFailure(error, { ...found, ...given }) : error.message}\n`);
    return error.code === "invalid_argument" ? exitCodes.usage : exitCodes.failed;
  } finally {
    client?.close();
    await (signal.aborted ? suite?.kill() : suite?.stop());
    interrupts.close();
  }
}

async function started(suite: LocalSuite): Promise<SuiteAddress> {
  return { address: await suite.ready(), token: suite.token };
}

function startSuite({ services, endpointModule, datasets }: OwnSuite, cwd: string, onDeath: () => void): LocalSuite {
  return new LocalSuite({
    processes: services,
    command: ownCommand(),
    artifactBase: cwd,
    workersMax: 0,
    endpointModule,
    datasets,
    logLevel: "error",
    logFile: undefined,
    onDeath,
  });
}

/**
 * The run that an operand means: an id, the beginning of one, the folder of a run, or `latest`.
 * Throws `not_found`, and `invalid_argument` naming the runs where several are meant.
 */
export async function findRun(client: SuiteClient, text: string, cwd: string): Promise<Run> {
  if (text === "latest") {
    for await (const run of client.listRuns(1)) return run;
    throw new AssayError("not_found", "there is no run yet");
  }
  if (/^[a-z0-9][a-z0-9_-]{0,63}$/.test(text)) {
    try {
      return await client.getRun(text);
    } catch (error) {
      if (!(error instanceof AssayError) || error.code !== "not_found") throw error;
    }
  }
  const folder = resolve(cwd, text);
  const found: Run[] = [];
  for await (const run of client.listRuns()) if (run.runId.startsWith(text) || run.folder === folder) found.push(run);
  const [first, second] = found;
  if (first === undefined) throw new AssayError("not_found", `there is no run ${text}`);
  if (second === undefined) return first;
  const ids = found.slice(0, 5).map(({ runId }) => runId);
  throw new AssayError("invalid_argument", `${text}: meant are ${ids.join(", ")}${found.length > 5 ? ", …" : ""}`);
}

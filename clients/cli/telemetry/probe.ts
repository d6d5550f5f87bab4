/** `assay telemetry probe [URL…]`: what pages of metrics have to say, without a run. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { TelemetryService } from "../../../gen/assay/telemetry/v1/telemetry_service_pb.js";
import { messageOf } from "../../../services/common/errors.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { type SuiteUse, withSuite } from "../runs/session.ts";
import type { TelemetryProbeOptions, telemetryProbeFlags } from "./flags.ts";
import { probeLines, sourceJson } from "./probe-view.ts";

const services = ["controller,telemetry"];
const defaultWatchSec = 1;
const defaultTimeoutSec = 5;
/** Beside what the looks themselves may take. */
const callMs = 10_000;

/** Exit code 0: every source that was asked for is there. */
export async function telemetryProbe(asked: Asked<typeof telemetryProbeFlags>): Promise<number> {
  const { options, operands, terminal, name } = asked;
  const { ca, skipVerify = false, watchSec = defaultWatchSec, timeoutSec = defaultTimeoutSec } = options;
  let caPem: string | undefined;
  try {
    caPem = ca === undefined ? undefined : await readFile(resolve(terminal.cwd, ca), "utf8");
  } catch (error) {
    terminal.err(`${name}: ${telemetryCaProblem(ca, error)}\n`);
    return exitCodes.usage;
  }
  const request = {
    urls: [...operands],
    timeoutMs: Math.ceil(timeoutSec * 1000),
    watchMs: Math.round(watchSec * 1000),
    headers: headersOf(options),
    tls: { caPem: caPem ?? "", skipVerify },
  };
  const look = async ({ client, signal }: SuiteUse): Promise<number> => {
    const telemetry = await client.serviceOf(TelemetryService);
    // A source that fell silent while it was watched is waited for once more.
    const timeoutMs = 2 * request.timeoutMs + request.watchMs + callMs;
    const { sources } = await telemetry.discoverSources(request, { signal, timeoutMs });
    if (options.json) terminal.out(`${JSON.stringify(sources.map(sourceJson), null, 2)}\n`);
    else for (const line of probeLines(sources, terminal)) terminal.out(`${line}\n`);
    const isMet =
      operands.length === 0 ? sources.some(({ isPresent }) => isPresent) : sources.every(({ isPresent }) => isPresent);
    return isMet ? exitCodes.ok : exitCodes.failed;
  };
  return withSuite(asked, look, { services });
}

function headersOf({ headers }: TelemetryProbeOptions): Record<string, string> {
  return { ...headers };
}

function telemetryCaProblem(path: string | undefined, error: unknown): string {
  return `--telemetry-ca ${path}: cannot be read: ${messageOf(error)}`;
}

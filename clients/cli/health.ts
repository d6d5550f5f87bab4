/** `assay health`: is a suite there, and does it serve? */
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/grpc/health/v1/health_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import type { Asked } from "./asked.ts";
import { exitCodes } from "./exit-codes.ts";
import type { healthFlags } from "./flags.ts";
import { refuse } from "./refuse.ts";
import { suiteAddress } from "./suite-address.ts";
import { suiteFailure } from "./suite-failure.ts";

/** With the start of this process it makes 3 s. */
const timeoutMs = 2500;

/** Prints one line a service, `SERVING assay.controller.v1.RunService`. Resolves with the exit code, within 3 s. */
export async function health({ options, name, terminal }: Asked<typeof healthFlags>): Promise<number> {
  const { controller: address } = options;
  if (address === undefined) return refuse(terminal, name, ["--controller: expected the HOST:PORT of a suite"]);
  let client: ReturnType<typeof createClient<typeof Health>> | undefined;
  try {
    client = createClient(Health, await suiteAddress(address, options, terminal.env));
    const { statuses } = await client.list({}, { timeoutMs });
    const rows = Object.entries(statuses)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([service, { status }]) => ({ service, status }));
    for (const { service, status } of rows) terminal.out(`${ServingStatus[status]} ${service === "" ? address : service}\n`);
    const isServing = rows.length > 0 && rows.every(({ status }) => status === ServingStatus.SERVING);
    return isServing ? exitCodes.ok : exitCodes.failed;
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    terminal.err(`assay health: ${suiteFailure(error, options)}\n`);
    return error.code === "invalid_argument" ? exitCodes.usage : exitCodes.failed;
  } finally {
    client?.close();
  }
}

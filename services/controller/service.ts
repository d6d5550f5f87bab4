/** RPCs of the controller. */
import { setTimeout as delay } from "node:timers/promises";
import { ControllerService, RunService, SuiteService } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { askedMs } from "../common/asked-ms.ts";
import { AssayError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import { nameOfCaller } from "../common/rpc/auth.ts";
import { type CallContext, type Implementation, implement } from "../common/rpc/handler.ts";
import { maskSecrets } from "../common/secrets.ts";
import { version } from "../common/version.ts";
import { driveRun } from "./driving.ts";
import type { Members } from "./members.ts";
import type { Runs } from "./runs.ts";
import { watchRun } from "./watching.ts";

const defaultPageSize = 50;
const maxPageSize = 1000;
const defaultIntervalMs = 1000;
const preparationMs = 200;
const leastSuiteMs = 100;
/** A spec of many small things takes a hundred times its bytes, and its time, in the process that watches over everybody. */
const maxRequestBytes = 4 << 20;

export function createControllerServices(members: Members, runs: Runs, log: Logger): Implementation[] {
  return [joinService(members), runService(runs, log), suiteService(members, runs)];
}

function joinService(members: Members): Implementation {
  return implement(ControllerService, {
    role: "member",
    untraced: ["join"],
    handlers: {
      join: {
        onStream(stream) {
          stream.onMessage(({ message }) => {
            if (message.case !== "hello") throw new AssayError("invalid_argument", "a member's stream must begin with hello");
            members.accept(stream, message.value);
          });
        },
      },
    },
  });
}

function runService(runs: Runs, log: Logger): Implementation {
  const note = (what: string, runId: string, { peer }: CallContext): void =>
    log.info(what, { run_id: runId, by: nameOfCaller(peer), peer: peer.address });
  return implement(RunService, {
    role: "operator",
    maxRequestBytes,
    roles: { getRun: "viewer", listRuns: "viewer", watchRun: "viewer", watchPreparation: "viewer", validateRun: "viewer" },
    handlers: {
      validateRun: async ({ spec, runId }, { roles, signal }) => {
        if (spec === undefined) throw new AssayError("invalid_argument", "spec: needed");
        // Who may only look at runs may not look into files.
        const compiled = roles.includes("operator") ? await runs.validate(spec, runId, signal) : runs.compile(spec);
        return { effectiveSpec: maskSecrets(compiled.spec), warnings: [...compiled.warnings] };
      },
      createRun: async ({ spec, runId }, call) => {
        if (spec === undefined) throw new AssayError("invalid_argument", "spec: needed");
        const { execution, warnings } = await runs.create(spec, runId, call.signal);
        note("a run was created", execution.run.runId, call);
        return { run: execution.run, warnings: [...warnings] };
      },
      watchPreparation: ({ runId }, { signal }) => watchPreparation(runs, runId, signal),
      getRun: ({ runId }) => ({ run: runs.get(runId) }),
      listRuns: ({ pageSize, pageToken }) => {
        if (pageSize < 0) throw new AssayError("invalid_argument", `page_size: must be at least 0, got ${pageSize}`);
        const limit = Math.min(pageSize === 0 ? defaultPageSize : pageSize, maxPageSize);
        const found = runs.list(limit, pageToken);
        return { runs: found, nextPageToken: found.length < limit ? "" : (found.at(-1)?.runId ?? "") };
      },
      async *watchRun({ runId, intervalMs }, { signal }) {
        const execution = runs.find(runId);
        if (execution === undefined) {
          yield { run: runs.get(runId), events: [] };
          return;
        }
        yield* watchRun(runs, execution, { intervalMs, signal });
      },
      cancelRun: ({ runId, now, reason }, call) => {
        const run = runs.cancel(runId, now, reason);
        note("a run was cancelled", runId, call);
        return { run };
      },
      adjustRun: async ({ runId, adjust }, call) => {
        if (adjust === undefined) throw new AssayError("invalid_argument", "adjust: needed");
        const run = await runs.adjust(runId, adjust);
        note("a run's load was changed", runId, call);
        return { run };
      },
      deleteRun: ({ runId }, call) => {
        runs.delete(runId);
        note("a run was deleted", runId, call);
        return {};
      },
      driveRun: (requests, call) =>
        driveRun(runs, requests, { signal: call.signal, note: (what, runId) => note(what, runId, call) }),
    },
  });
}

function suiteService(members: Members, runs: Runs): Implementation {
  const suite = () => ({
    suiteId: members.suiteId,
    version,
    members: members.all().map(({ member }) => member),
    activeRunIds: runs.activeIds(),
  });
  return implement(SuiteService, {
    role: "viewer",
    handlers: {
      getSuite: suite,
      async *watchSuite({ intervalMs }, { signal }) {
        const everyMs = askedMs(intervalMs, defaultIntervalMs, leastSuiteMs);
        while (!signal.aborted) {
          yield { suite: suite() };
          await delay(everyMs, undefined, { signal }).catch(() => {});
        }
      },
    },
  });
}

/** How far the dataset of a run is, from when it is being created until it is; waits for that. */
async function* watchPreparation(runs: Runs, runId: string, signal: AbortSignal) {
  let hasBegun = false;
  while (!signal.aborted && runs.find(runId) === undefined) {
    const preparation = runs.preparation(runId);
    if (hasBegun && preparation === undefined) return;
    hasBegun ||= preparation !== undefined;
    if (preparation?.progress !== undefined) yield { progress: preparation.progress };
    await delay(preparationMs, undefined, { signal }).catch(() => {});
  }
}

/** RPCs of the controller. */
import { setTimeout as delay } from "node:timers/promises";
import type { Run, RunEvent } from "../../gen/assay/controller/v1/controller_pb.js";
import {
  ControllerService,
  type DriveRunRequest,
  RunService,
  SuiteService,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import { AssayError } from "../common/errors.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import { maskSecrets } from "../common/secrets.ts";
import { version } from "../common/version.ts";
import type { Members } from "./members.ts";
import type { RunExecution } from "./run.ts";
import type { Runs } from "./runs.ts";

const defaultPageSize = 50;
const maxPageSize = 1000;
const defaultIntervalMs = 1000;
const leastWatchMs = 50;
const preparationMs = 200;
const leastSuiteMs = 100;

export function createControllerServices(members: Members, runs: Runs): Implementation[] {
  return [joinService(members), runService(runs), suiteService(members, runs)];
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

function runService(runs: Runs): Implementation {
  return implement(RunService, {
    role: "operator",
    roles: { getRun: "viewer", listRuns: "viewer", watchRun: "viewer", watchPreparation: "viewer", validateRun: "viewer" },
    handlers: {
      validateRun: async ({ spec }, { roles, signal }) => {
        if (spec === undefined) throw new AssayError("invalid_argument", "spec: needed");
        // Who may only look at runs may not look into files.
        const compiled = roles.includes("operator") ? await runs.validate(spec, signal) : runs.compile(spec);
        return { effectiveSpec: maskSecrets(compiled.spec), warnings: [...compiled.warnings] };
      },
      createRun: async ({ spec, runId }, { signal }) => {
        if (spec === undefined) throw new AssayError("invalid_argument", "spec: needed");
        const { execution, warnings } = await runs.create(spec, runId, signal);
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
        yield* watch(runs, execution, intervalMs, signal);
      },
      cancelRun: ({ runId, now, reason }) => ({ run: runs.cancel(runId, now, reason) }),
      adjustRun: async ({ runId, adjust }) => {
        if (adjust === undefined) throw new AssayError("invalid_argument", "adjust: needed");
        return { run: await runs.adjust(runId, adjust) };
      },
      deleteRun: ({ runId }) => {
        runs.delete(runId);
        return {};
      },
      driveRun: (requests, { signal }) => drive(runs, requests, signal),
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
        const everyMs = Math.max(leastSuiteMs, intervalMs === 0 ? defaultIntervalMs : intervalMs);
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

/** The run now, then at every change and at least every interval; ends after its last state. */
async function* watch(
  runs: Runs,
  execution: RunExecution,
  intervalMs: number,
  signal: AbortSignal,
): AsyncGenerator<{ run: Run; events: RunEvent[] }> {
  const everyMs = Math.max(leastWatchMs, intervalMs === 0 ? defaultIntervalMs : intervalMs);
  let seen = 0;
  while (!signal.aborted) {
    const events = execution.events.slice(seen);
    seen += events.length;
    // Read before the answer is sent: what changes meanwhile makes another message.
    const { isOver } = execution;
    const changed = runs.change();
    yield { run: execution.run, events };
    if (isOver && execution.run.endTime !== undefined) return;
    const tick = new AbortController();
    await Promise.race([changed, delay(everyMs, undefined, { signal: AbortSignal.any([signal, tick.signal]) }).catch(() => {})]);
    tick.abort();
  }
}

async function* drive(runs: Runs, requests: AsyncIterable<DriveRunRequest>, signal: AbortSignal) {
  const incoming = requests[Symbol.asyncIterator]();
  const first = await incoming.next();
  const message = first.done === true ? undefined : first.value.message;
  if (message?.case !== "create") throw new AssayError("invalid_argument", "a driven run must begin with create");
  const { run: wanted, cancelOnDisconnect, intervalMs } = message.value;
  if (wanted?.spec === undefined) throw new AssayError("invalid_argument", "create.run.spec: needed");
  const { execution, warnings } = await runs.create(wanted.spec, wanted.runId, signal);
  const { runId } = execution.run;
  const steering = Promise.withResolvers<never>();
  steering.promise.catch(() => {});
  steer(runs, execution, incoming).catch((error: unknown) => steering.reject(error));
  try {
    const answers = watch(runs, execution, intervalMs, signal);
    for (let isFirst = true; ; isFirst = false) {
      const answer = await Promise.race([answers.next(), steering.promise]);
      if (answer.done === true) return;
      yield { ...answer.value, warnings: isFirst ? [...warnings] : [] };
    }
  } finally {
    if (cancelOnDisconnect && !execution.isOver) runs.cancel(runId, false, "the client that drove the run is gone");
  }
}

/** Carries out what the client says after `create`, until it half-closes. */
async function steer(runs: Runs, execution: RunExecution, incoming: AsyncIterator<DriveRunRequest>): Promise<void> {
  for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
    const { message } = next.value;
    switch (message.case) {
      case "adjust":
        await execution.adjust(message.value);
        break;
      case "cancel":
        runs.cancel(execution.run.runId, message.value.now, message.value.reason);
        break;
      case "create":
      case undefined:
        throw new AssayError("invalid_argument", `a second ${message.case ?? "empty message"} may not come`);
      default:
        message satisfies never;
    }
  }
}

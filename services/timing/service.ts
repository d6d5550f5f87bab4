/** RPCs of timing. */
import { setTimeout as delay } from "node:timers/promises";
import { TimingService } from "../../gen/assay/timing/v1/timing_service_pb.js";
import { askedMs } from "../common/asked-ms.ts";
import { envelopeOfRequest, timingCreditsCodecs } from "../common/credit-codec.ts";
import { AssayError } from "../common/errors.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import type { TimingRun } from "./timing-run.ts";

const defaultIntervalMs = 1000;
const leastIntervalMs = 50;

/** `runOf` gives the run of an id, undefined while it is not configured here. */
export function createTimingService(runOf: (runId: string) => TimingRun | undefined): Implementation {
  const find = (runId: string): TimingRun => {
    const run = runOf(runId);
    if (run === undefined) throw new AssayError("not_found", `run ${runId} is not configured at timing`);
    return run;
  };
  return implement(TimingService, {
    role: "viewer",
    untraced: ["extendLease"],
    roles: { credits: "member", extendLease: "member" },
    codecs: timingCreditsCodecs,
    handlers: {
      credits: {
        onStream(stream) {
          stream.onMessage((first) => {
            const { body } = envelopeOfRequest(first);
            if (body.kind !== "hello") throw new AssayError("invalid_argument", "a credits stream must begin with hello");
            const run = runOf(body.runId);
            // A worker may be configured before timing is: it dials again.
            if (run === undefined) throw new AssayError("unavailable", `run ${body.runId} is not configured at timing`);
            run.accept(stream, body);
          });
        },
      },
      extendLease: ({ runId, workerId, incarnation }) => {
        find(runId).extendLease(workerId, incarnation);
        return {};
      },
      getTimingStats: (request) => find(request.runId).stats(),
      async *watchTiming(request, context) {
        const intervalMs = askedMs(request.intervalMs, defaultIntervalMs, leastIntervalMs);
        for (let run: TimingRun | undefined = find(request.runId); run !== undefined; run = runOf(request.runId)) {
          yield { stats: run.stats() };
          await delay(intervalMs, undefined, { signal: context.signal });
        }
      },
    },
  });
}

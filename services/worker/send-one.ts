/** One request through the hot path, outside any run: for probes and debugging. */
import { create } from "@bufbuild/protobuf";
import { requestError } from "../../endpoints/target-error.ts";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { SendOneRequest } from "../../gen/assay/worker/v1/worker_service_pb.js";
import { monotonicNs, wallOfMonotonic } from "../common/clock.ts";
import { AssayError } from "../common/errors.ts";
import type { RawRecord } from "../common/raw-record.ts";
import { messagesOf } from "../common/turn-body.ts";
import { createPath } from "./request-path.ts";
import { Sender } from "./sender.ts";

const localClock = { now: monotonicNs, toSuite: (ns: number) => ns, toLocal: (ns: number) => ns, offset: () => undefined };
const timeoutCheckMs = 25;
const defaultTimeoutSec = 60;

/** Resolves with the record whatever came of the request; it owns its bytes. Throws `invalid_argument` without turn or target. */
export async function sendOne(request: SendOneRequest, workerId: string, signal: AbortSignal): Promise<RawRecord> {
  const { target, endpoint, turn, model } = request;
  if (target === undefined || target.urls.length === 0) throw new AssayError("invalid_argument", "target.urls: one is needed");
  if (turn === undefined) throw new AssayError("invalid_argument", "turn: needed");
  target.requestTimeoutSec ??= defaultTimeoutSec;
  const spec = create(RunSpecSchema, { models: [model], target, ...(endpoint === undefined ? {} : { endpoint }) });
  const path = createPath(spec);
  const { promise, resolve } = Promise.withResolvers<RawRecord>();
  const sender = new Sender({
    ...path.sender,
    transport: path.transport,
    workerId,
    clock: localClock,
    wallOffsetNs: wallOfMonotonic(0),
    onRecord: (record) => resolve({ ...record, stamps: record.stamps.slice(), payload: Buffer.from(record.payload) }),
    onEnded: () => {},
  });
  const timer = setInterval(() => sender.checkTimeouts(monotonicNs()), timeoutCheckMs);
  const onAbort = (): void => sender.cancelAll(requestError("cancelled", "wait", "the caller gave up"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const credit = {
      id: 1,
      phase: 0,
      conversation: 0,
      turn: 0,
      turns: 1,
      sessionId: 0,
      countsTowardTarget: false,
      dueNs: 0,
      targetIndex: 0,
      index: 0,
    };
    sender.send(credit, path.bodies.make(turn, [], undefined), messagesOf(turn));
    return await promise;
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", onAbort);
    await path.transport.close();
  }
}

/** One request through the hot path, outside any run: for probes and debugging. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { requestError } from "../../endpoints/target-error.ts";
import { pathOfModel, shownUrl } from "../../endpoints/target-url.ts";
import { ModelTensorsSchema, RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { ConnectionStepsSchema, SendOneRequest } from "../../gen/assay/worker/v1/worker_service_pb.js";
import { monotonicNs, wallOfMonotonic } from "../common/clock.ts";
import { AssayError } from "../common/errors.ts";
import { writeModelTensors } from "../common/model-tensors-wire.ts";
import type { RawRecord } from "../common/raw-record.ts";
import { endpointOf } from "../common/run-endpoint.ts";
import { messagesOf } from "../common/turn-body.ts";
import { inSession } from "./bodies.ts";
import { askModelTensors } from "./model-tensors.ts";
import type { PathExtras } from "./request-path.ts";
import { createPath, parseUrl } from "./request-path.ts";
import { Sender } from "./sender.ts";
import type { ConnectionWatcher, ResponseHandler, ResponseHeaders, Transport } from "./transport/transport.ts";

/** What was seen of one request. */
export interface SentRequest {
  /** Owns its bytes. */
  readonly record: RawRecord;
  /** Without a query. */
  readonly url: string;
  /** Undefined: not even that was begun. */
  readonly connection: ConnectionSteps | undefined;
  /** Of the answer, by name in lower case; cookies are left out. */
  readonly headers: Readonly<Record<string, string>>;
}

type ConnectionSteps = Exclude<MessageInitShape<typeof ConnectionStepsSchema>, { $typeName: string }>;

const localClock = { now: monotonicNs, toSuite: (ns: number) => ns, toLocal: (ns: number) => ns, offset: () => undefined };
const timeoutCheckMs = 25;
const defaultTimeoutSec = 60;

/**
 * Resolves whatever came of the request. The target is asked for the tensors of the model first, where the endpoint needs them and the
 * request does not tell; rejects with `failed_precondition` where it does not say them.
 * @param endpoints default: the built-in ones
 * @throws `invalid_argument` without turn or target
 */
export async function sendOne(
  request: SendOneRequest,
  workerId: string,
  signal: AbortSignal,
  { endpoints, allowed }: Pick<PathExtras, "endpoints" | "allowed"> = {},
): Promise<SentRequest> {
  const { target, endpoint, turn, model } = request;
  const url = target?.urls[0]?.url;
  if (target === undefined || url === undefined) throw new AssayError("invalid_argument", "target.urls: one is needed");
  if (turn === undefined) throw new AssayError("invalid_argument", "turn: needed");
  target.requestTimeoutSec ??= defaultTimeoutSec;
  if (
    endpoint !== undefined &&
    endpoint.modelTensors.length === 0 &&
    endpointOf(endpoint, endpoints).needsModelTensors === true
  ) {
    const tensors = await askModelTensors({ target, endpoint, endpoints, allowed }, model, signal);
    endpoint.modelTensors = [create(ModelTensorsSchema, writeModelTensors(tensors))];
  }
  const spec = create(RunSpecSchema, { models: [model], target, ...(endpoint === undefined ? {} : { endpoint }) });
  const steps = new StepsKeeper();
  const path = await createPath(spec, { endpoints, allowed, watcher: steps });
  const head: { headers?: ResponseHeaders } = {};
  const { promise, resolve } = Promise.withResolvers<RawRecord>();
  const sender = new Sender({
    ...path.sender,
    transport: keepingHead(path.transport, head),
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
    const made = path.bodies.tryMake(turn, [], undefined);
    if ("error" in made) sender.failUnsent(onlyCredit, made.error);
    else
      sender.send(onlyCredit, inSession(made.body, path.sender.endpoint, onlyPlace), {
        messages: messagesOf(turn),
        hasAnswer: true,
      });
    if (signal.aborted) onAbort();
    const record = await promise;
    return {
      record,
      url: shownUrl(parseUrl(url), pathOfModel(path.sender.paths[0] ?? "", record.model)),
      connection: steps.steps,
      headers: joined(head.headers),
    };
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", onAbort);
    await path.transport.close();
  }
}

const onlyCredit = {
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

/** A session of its own, of a number below those of any run. */
const onlyPlace = { id: 1n, isFirst: true, isLast: true };

/** Of the first connection: there is only one request. */
class StepsKeeper implements ConnectionWatcher {
  steps: ConnectionSteps | undefined;

  onStep(step: Parameters<ConnectionWatcher["onStep"]>[0], atNs: number, remoteAddress: string): void {
    if (step === "start") {
      this.steps = { startNs: atNs };
      return;
    }
    const { steps } = this;
    if (steps === undefined) return;
    const sinceNs = atNs - (steps.startNs ?? atNs);
    if (step === "resolved") steps.resolvedNs = sinceNs;
    else if (step === "connected") steps.connectedNs = sinceNs;
    else steps.securedNs = sinceNs;
    steps.remoteAddress = remoteAddress;
  }
}

/** The same transport; `head` gets the headers of the last answer, which the hot path does not keep. */
function keepingHead(transport: Transport, head: { headers?: ResponseHeaders }): Transport {
  return {
    ...transport,
    send: (request, handler) => {
      const keeping: ResponseHandler = {
        mayWrite: () => handler.mayWrite(),
        onSent: (atNs, connection) => handler.onSent(atNs, connection),
        onWritten: (atNs) => handler.onWritten(atNs),
        onHead: (atNs, status, contentType, answer) => {
          handler.onHead(atNs, status, contentType);
          if (answer !== undefined) head.headers = { ...answer.headers() };
        },
        onBody: (atNs, bytes, start, end) => handler.onBody(atNs, bytes, start, end),
        onEnd: (atNs) => handler.onEnd(atNs),
        onFailure: (atNs, error) => handler.onFailure(atNs, error),
      };
      return transport.send(request, keeping);
    },
  };
}

function joined(headers: ResponseHeaders = {}): Record<string, string> {
  const shown = Object.entries(headers).filter(([name, value]) => name !== "set-cookie" && value !== undefined);
  return Object.fromEntries(shown.map(([name, value]) => [name, typeof value === "string" ? value : (value ?? []).join(", ")]));
}

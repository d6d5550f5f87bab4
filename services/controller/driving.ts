/** DriveRun: a run that is created or met on its way, and steered by the stream that tells how it gets on. */
import { create } from "@bufbuild/protobuf";
import { RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import {
  type CancelRunRequest,
  type DriveAttach,
  type DriveCreate,
  type DriveRefusal,
  DriveRefusalSchema,
  type DriveRunRequest,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import { AssayError } from "../common/errors.ts";
import { grpcCodeOf, wireMessageOf } from "../common/rpc/status.ts";
import type { RunExecution } from "./run.ts";
import type { Runs } from "./runs.ts";
import { watchRun } from "./watching.ts";

/** What the first message of a stream came to. */
interface Driven {
  readonly execution: RunExecution;
  readonly isNew: boolean;
  readonly warnings: readonly string[];
  readonly cancelOnDisconnect: boolean;
  readonly intervalMs: number;
  readonly requestedBy: string;
}

export interface DrivingOptions {
  readonly signal: AbortSignal;
  /** Told what a caller has done to a run. */
  readonly note: (what: string, runId: string) => void;
}

/** The handler. The proto says which messages may come, and what ends the stream. */
export async function* driveRun(runs: Runs, requests: AsyncIterable<DriveRunRequest>, { signal, note }: DrivingOptions) {
  const incoming = requests[Symbol.asyncIterator]();
  const { execution, isNew, warnings, cancelOnDisconnect, intervalMs, requestedBy } = await begin(runs, incoming, signal);
  const { runId } = execution.run;
  if (isNew) note("a run was created", runId);
  const steering = new Steering(runs, execution, { requestedBy, note: (what) => note(what, runId) });
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  steering.follow(incoming).catch((error: unknown) => broken.reject(error));
  try {
    const answers = watchRun(runs, execution, { intervalMs, signal, nudge: () => steering.nudge() });
    for (let isFirst = true; ; isFirst = false) {
      const answer = await Promise.race([answers.next(), broken.promise]);
      if (answer.done === true) return;
      yield { ...answer.value, ...steering.take(), warnings: isFirst ? [...warnings] : [] };
    }
  } finally {
    if (cancelOnDisconnect && !execution.isOver) {
      runs.cancel(runId, false, "the client that drove the run is gone");
      note("a run was cancelled", runId);
    }
  }
}

async function begin(runs: Runs, incoming: AsyncIterator<DriveRunRequest>, signal: AbortSignal): Promise<Driven> {
  const first = await incoming.next();
  const message = first.done === true ? undefined : first.value.message;
  switch (message?.case) {
    case "create":
      return createDriven(runs, message.value, signal);
    case "attach":
      return attach(runs, message.value);
    default:
      throw new AssayError(
        "invalid_argument",
        `a driven run must begin with create or attach, got ${message?.case ?? "nothing"}`,
      );
  }
}

async function createDriven(runs: Runs, wanted: DriveCreate, signal: AbortSignal): Promise<Driven> {
  const { run, cancelOnDisconnect, intervalMs, requestedBy } = wanted;
  if (run?.spec === undefined) throw new AssayError("invalid_argument", "create.run.spec: needed");
  const { execution, warnings } = await runs.create(run.spec, run.runId, signal);
  return { execution, isNew: true, warnings, cancelOnDisconnect, intervalMs, requestedBy };
}

function attach(runs: Runs, { runId, intervalMs, requestedBy }: DriveAttach): Driven {
  const execution = runs.find(runId);
  if (execution === undefined || execution.run.state >= RunState.COMPLETED) {
    runs.get(runId);
    throw new AssayError("failed_precondition", `run ${runId} does not go on in this suite`);
  }
  return { execution, isNew: false, warnings: [], cancelOnDisconnect: false, intervalMs, requestedBy };
}

/** Carries out what one stream asks for, one after the other, and keeps what was refused until it is told. */
class Steering {
  readonly #runs: Runs;
  readonly #execution: RunExecution;
  readonly #requestedBy: string;
  readonly #note: (what: string) => void;
  #handled = 0;
  #refusals: DriveRefusal[] = [];
  #told = Promise.withResolvers<void>();

  constructor(
    runs: Runs,
    execution: RunExecution,
    { requestedBy, note }: { readonly requestedBy: string; readonly note: (what: string) => void },
  ) {
    this.#runs = runs;
    this.#execution = execution;
    this.#requestedBy = requestedBy;
    this.#note = note;
  }

  /** To the client's half-close. Rejects with what may not come. */
  async follow(incoming: AsyncIterator<DriveRunRequest>): Promise<void> {
    for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
      const act = this.#actionOf(next.value);
      try {
        await act();
      } catch (error) {
        if (!(error instanceof AssayError)) throw error;
        this.#refuse(error);
      }
      this.#handled++;
      this.#tell();
    }
  }

  /** Resolves when more has been handled than was taken. */
  nudge(): Promise<void> {
    return this.#told.promise;
  }

  /** What has been handled so far, and refused since this was asked before. */
  take(): { readonly handled: number; readonly refusals: DriveRefusal[] } {
    return { handled: this.#handled, refusals: this.#refusals.splice(0) };
  }

  /** Throws where such a message may not come. */
  #actionOf({ message }: DriveRunRequest): () => void | Promise<void> {
    switch (message.case) {
      case "adjust": {
        const requestedBy = message.value.requestedBy || this.#requestedBy;
        return async () => {
          await this.#execution.adjust({ ...message.value, requestedBy });
          this.#note("a run's load was changed");
        };
      }
      case "cancel":
        return () => this.#cancel(message.value);
      default:
        throw new AssayError("invalid_argument", `a second ${message.case ?? "empty message"} may not come`);
    }
  }

  #cancel({ runId: wanted, now, reason }: CancelRunRequest): void {
    const { runId } = this.#execution.run;
    if (wanted !== "" && wanted !== runId) {
      throw new AssayError("invalid_argument", `cancel.run_id: this stream drives run ${runId}, got ${wanted}`);
    }
    this.#runs.cancel(runId, now, cancelText(reason, this.#requestedBy));
    this.#note("a run was cancelled");
  }

  #refuse(error: AssayError): void {
    const value = { request: this.#handled + 1, code: grpcCodeOf(error.code), message: wireMessageOf(error) };
    this.#refusals.push(create(DriveRefusalSchema, value));
  }

  #tell(): void {
    const wake = this.#told;
    this.#told = Promise.withResolvers();
    wake.resolve();
  }
}

/** For the run's timeline; empty: nothing is known. */
function cancelText(reason: string, who: string): string {
  if (who === "") return reason;
  return reason === "" ? `${who} cancels the run` : `${reason}; asked by ${who}`;
}

/** A suite as a client sees it: one connection to the controller and one to the records-manager that it names. */
import { type DescService, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { type RunSpec, RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import {
  type AdjustPhase,
  type CreateRunResponse,
  RunService,
  SuiteService,
  type ValidateRunResponse,
  type WatchRunResponse,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { PreparationProgress } from "../../gen/assay/dataset/v1/dataset_pb.js";
import {
  type ExportRunResponse,
  type QueryRecordsResponse,
  RecordsManagerService,
  type SummarizeRecordsResponse,
  type WatchSummaryResponse,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { AssayError, type ErrorCode } from "../../services/common/errors.ts";
import { type Channel, createChannel } from "../../services/common/rpc/channel.ts";
import { type Client, createClient } from "../../services/common/rpc/client.ts";
import { asAssayError } from "../../services/common/rpc/status.ts";
import type { SuiteAddress } from "./suite-address.ts";

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Longest pause between two messages, in ms. */
  readonly intervalMs: number;
  readonly onMessage: (message: WatchRunResponse) => void;
}

/** Statistics of a long run are made from all of its rows. */
const summaryTimeoutMs = 300_000;
const acceptedWithinMs = 10_000;
/** Above the 300 s that the controller gives the dataset service. */
const readWithinMs = 330_000;
const cancelTimeoutMs = 5000;
const suiteTimeoutMs = 5000;
const recordsPageSize = 2000;
/** Whoever wants this is leaving. */
const cancelNowTimeoutMs = 1000;
/** How long a suite may be silent, and how soon it is dialled again, doubling. */
const maxSilenceMs = 15_000;
const firstRedialMs = 100;
const lastRedialMs = 1000;

/** What dialling again does not mend. */
const finalCodes: ReadonlySet<ErrorCode> = new Set([
  "invalid_argument",
  "not_found",
  "permission_denied",
  "unauthenticated",
  "failed_precondition",
  "unimplemented",
]);

export class SuiteClient {
  readonly #suite: SuiteAddress;
  readonly #channel: Channel;
  readonly #runs: Client<typeof RunService>;
  #records: { readonly address: string; readonly client: Client<typeof RecordsManagerService> } | undefined;

  constructor(suite: SuiteAddress) {
    this.#suite = suite;
    this.#channel = createChannel(suite);
    this.#runs = createClient(RunService, this.#channel);
  }

  /** `spec` in proto JSON, `runId` as wished for; empty: given. Fails with the controller's own errors, `violations` included. */
  async createRun(spec: JsonObject, runId = ""): Promise<CreateRunResponse> {
    const message = fromJson(RunSpecSchema, spec);
    return this.#runs.createRun({ spec: message, runId }, { timeoutMs: acceptTimeoutMs(message) });
  }

  /** How far the dataset of a run is that `createRun` is creating by this id, until it is created or the signal aborts. */
  async *watchPreparation(runId: string, signal: AbortSignal): AsyncGenerator<PreparationProgress> {
    for await (const { progress } of this.#runs.watchPreparation({ runId }, { signal })) {
      if (progress !== undefined) yield progress;
    }
  }

  /** The effective spec of a spec in proto JSON, secrets masked, and what is suspect about it. Fails as `createRun`. */
  async validateRun(spec: JsonObject): Promise<ValidateRunResponse> {
    const message = fromJson(RunSpecSchema, spec);
    return this.#runs.validateRun({ spec: message }, { timeoutMs: acceptTimeoutMs(message) });
  }

  /** Newest first, at most `limit`. */
  async *listRuns(limit = Number.POSITIVE_INFINITY): AsyncGenerator<Run> {
    let left = limit;
    let pageToken = "";
    do {
      const page = await this.#runs.listRuns({ pageSize: Math.min(left, 1000), pageToken }, { timeoutMs: suiteTimeoutMs });
      yield* page.runs;
      left -= page.runs.length;
      pageToken = page.nextPageToken;
    } while (pageToken !== "" && left > 0);
  }

  /** Runs of this suite that wait or go on, in the order of their creation. */
  async activeRuns(): Promise<Run[]> {
    const { activeRunIds } = await createClient(SuiteService, this.#channel).getSuite({}, { timeoutMs: suiteTimeoutMs });
    return Promise.all(activeRunIds.map((runId) => this.getRun(runId)));
  }

  /** Throws `not_found`. */
  async getRun(runId: string): Promise<Run> {
    const { run } = await this.#runs.getRun({ runId }, { timeoutMs: suiteTimeoutMs });
    if (run === undefined) throw new AssayError("not_found", `there is no run ${runId}`);
    return run;
  }

  /** Throws `not_found`, `failed_precondition` for one that has not ended. */
  async deleteRun(runId: string): Promise<void> {
    await this.#runs.deleteRun({ runId }, { timeoutMs: suiteTimeoutMs });
  }

  /**
   * Pages of records in the order of their credits.
   * @param fields of MetricRecord; empty: all
   */
  async *queryRecords(runId: string, phase: string, fields: readonly string[]): AsyncGenerator<QueryRecordsResponse> {
    const records = await this.#recordsManager();
    let pageToken = "";
    do {
      const mask = fields.length === 0 ? {} : { fields: { paths: [...fields] } };
      const page = await records.queryRecords(
        { runId, phase, pageToken, pageSize: recordsPageSize, ...mask },
        { timeoutMs: summaryTimeoutMs },
      );
      yield page;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  /**
   * The run in its last state, every message on the way told to `onMessage`. A broken stream is dialled again, for 15 s without
   * a message at most; then, and on errors that dialling does not mend, it throws the last error. Throws `cancelled` on abort.
   */
  async watchRun(runId: string, { signal, intervalMs, onMessage }: WatchOptions): Promise<Run> {
    let last: Run | undefined;
    let silentSinceMs = performance.now();
    let pauseMs = firstRedialMs;
    for (;;) {
      let failure: AssayError;
      try {
        for await (const message of this.#runs.watchRun({ runId, intervalMs }, { signal })) {
          silentSinceMs = performance.now();
          pauseMs = firstRedialMs;
          onMessage(message);
          last = message.run ?? last;
          // In its last state its members may still be writing its end into its file.
          if (last !== undefined && isEnded(last) && last.endTime !== undefined) return last;
        }
        failure = new AssayError("unavailable", "the controller ended the stream before the run had ended");
      } catch (error) {
        // What a client throws is an AssayError; anything else is a mistake in `onMessage`.
        if (!(error instanceof AssayError)) throw error;
        failure = error;
      }
      // Whoever broke the stream then has nothing more to tell.
      if (last !== undefined && isEnded(last) && !signal.aborted) return last;
      const isOver = signal.aborted || finalCodes.has(failure.code) || performance.now() - silentSinceMs > maxSilenceMs;
      if (isOver) throw failure;
      await pause(pauseMs, signal);
      pauseMs = Math.min(lastRedialMs, 2 * pauseMs);
    }
  }

  /** Changes the load of the phase that runs. Throws `failed_precondition` where that does not fit. */
  async adjustRun(runId: string, adjust: Omit<AdjustPhase, "$typeName">): Promise<void> {
    await this.#runs.adjustRun({ runId, adjust }, { timeoutMs: cancelTimeoutMs });
  }

  /** Asks for the end of a run. One that has ended already is no error. */
  async cancelRun(runId: string, isNow: boolean, reason: string): Promise<void> {
    try {
      await this.#runs.cancelRun({ runId, now: isNow, reason }, { timeoutMs: isNow ? cancelNowTimeoutMs : cancelTimeoutMs });
    } catch (error) {
      if (asAssayError(error).code !== "failed_precondition") throw error;
    }
  }

  /** `phase`: by name; empty: every phase. */
  async summarize(runId: string, phase = ""): Promise<SummarizeRecordsResponse> {
    const records = await this.#recordsManager();
    return records.summarizeRecords({ runId, phase }, { timeoutMs: summaryTimeoutMs });
  }

  /** Live figures until the run ends or the signal aborts. */
  async *watchSummary(runId: string, signal: AbortSignal): AsyncGenerator<WatchSummaryResponse> {
    const records = await this.#recordsManager();
    yield* records.watchSummary({ runId, intervalMs: 1000 }, { signal });
  }

  /** The bytes of the run's files, of those named or of all. `cliCommand`: secrets masked; empty: not known. */
  async *exportRun(
    runId: string,
    cliCommand: string,
    signal: AbortSignal,
    files: readonly string[] = [],
  ): AsyncGenerator<ExportRunResponse> {
    const records = await this.#recordsManager();
    yield* records.exportRun({ runId, cliCommand, files: [...files] }, { signal });
  }

  close(): void {
    this.#channel.close();
    this.#records?.client.close();
  }

  /** A service at whoever serves it at the moment; to be closed by the caller. Throws `unavailable` where there is none. */
  async serviceOf<S extends DescService>(service: S, kind: ServiceKind): Promise<Client<S>> {
    return createClient(service, { ...this.#suite, address: await this.#addressOf(kind) });
  }

  async #recordsManager(): Promise<Client<typeof RecordsManagerService>> {
    const address = await this.#addressOf(ServiceKind.RECORDS_MANAGER);
    if (this.#records?.address !== address) {
      this.#records?.client.close();
      this.#records = { address, client: createClient(RecordsManagerService, { ...this.#suite, address }) };
    }
    return this.#records.client;
  }

  /** Of whoever is it at the moment. Throws `unavailable` where there is none that answers the controller. */
  async #addressOf(kind: ServiceKind): Promise<string> {
    const { members } = await createClient(SuiteService, this.#channel).getSuite({}, { timeoutMs: suiteTimeoutMs });
    // One that has died may still be listed beside its successor, and one that is frozen would never answer.
    const member = members.find(({ services, address, isConnected }) => isConnected && services.includes(kind) && address !== "");
    if (member !== undefined) return member.address;
    const name = ServiceKind[kind].toLowerCase().replaceAll("_", "-");
    throw new AssayError("unavailable", `no ${name} in the suite at ${this.#suite.address}`);
  }
}

/** How long a controller may take to say what it thinks of a spec: files and tokenizers are read before. */
function acceptTimeoutMs({ dataset, tokenizer }: RunSpec): number {
  return dataset?.source.case === "file" || tokenizer !== undefined ? readWithinMs : acceptedWithinMs;
}

export function isEnded({ state }: Run): boolean {
  return state === RunState.COMPLETED || state === RunState.FAILED || state === RunState.CANCELLED;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}

/** A suite as a client sees it: one connection to the controller and one to the records-manager that it names. */
import { type DescService, fromJson, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { type RunSpec, RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { Run } from "../../gen/assay/controller/v1/controller_pb.js";
import {
  type AdjustPhase,
  type CreateRunResponse,
  type DriveRunRequestSchema,
  RunService,
  SuiteService,
  type ValidateRunResponse,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { PreparationProgress } from "../../gen/assay/dataset/v1/dataset_pb.js";
import type { Sample } from "../../gen/assay/records_manager/v1/record_pb.js";
import {
  type ExportRunResponse,
  type GetTimelineRequestSchema,
  type GetTimelineResponse,
  RecordsManagerService,
  type StreamRecordsResponse,
  type SummarizeRecordsResponse,
  type WatchSummaryResponse,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { TelemetryService } from "../../gen/assay/telemetry/v1/telemetry_service_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import { type Channel, createChannel } from "../../services/common/rpc/channel.ts";
import { type Client, createClient } from "../../services/common/rpc/client.ts";
import { asAssayError } from "../../services/common/rpc/status.ts";
import {
  type DrivenRun,
  type DriveOptions,
  isEnded,
  messagesOf,
  toItsEnd,
  type WatchedRun,
  type WatchOptions,
} from "./follow-run.ts";
import type { SuiteAddress } from "./suite-address.ts";

/** What records are asked for; texts are empty where nothing is. */
export interface RecordsWanted {
  /** By name. */
  readonly phase: string;
  readonly filter: string;
  readonly orderBy: string;
  /** Of MetricRecord; empty: all. */
  readonly fields: readonly string[];
  /** At least 1; no page need have more than so many. */
  readonly limit: number;
}

/** Statistics of a long run are made from all of its rows. */
const summaryTimeoutMs = 300_000;
const acceptedWithinMs = 10_000;
/** Above the 300 s that the controller gives the dataset service. */
const readWithinMs = 330_000;
const cancelTimeoutMs = 5000;
const suiteTimeoutMs = 5000;
/** Whoever wants this is leaving. */
const cancelNowTimeoutMs = 1000;

/** What a summary is asked for; what is absent or empty is not. */
export interface SummaryWishes {
  /** Tools by whose formulas the run is told, too. */
  readonly definitions?: readonly string[] | undefined;
  readonly withIntervals?: boolean | undefined;
  /** With this or `groupBy` it is of groups of requests. */
  readonly filter?: string | undefined;
  readonly groupBy?: readonly string[];
  readonly metrics?: readonly string[];
  readonly statistics?: readonly string[];
}

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

  /** How far the dataset of a run is that `createRun` or `validateRun` looks at by this id, until they have or the signal aborts. */
  async *watchPreparation(runId: string, signal: AbortSignal): AsyncGenerator<PreparationProgress> {
    for await (const { progress } of this.#runs.watchPreparation({ runId }, { signal })) {
      if (progress !== undefined) yield progress;
    }
  }

  /** The effective spec of a spec in proto JSON, secrets masked, and what is suspect about it. Fails as `createRun`. */
  async validateRun(spec: JsonObject, runId = ""): Promise<ValidateRunResponse> {
    const message = fromJson(RunSpecSchema, spec);
    return this.#runs.validateRun({ spec: message, runId }, { timeoutMs: acceptTimeoutMs(message) });
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

  /** To its last state, as `toItsEnd`. */
  async watchRun(runId: string, options: WatchOptions): Promise<Run> {
    const { signal, intervalMs } = options;
    return toItsEnd(() => this.#runs.watchRun({ runId, intervalMs }, { signal }), options);
  }

  /** Watches a run that goes on, and takes wishes about it. Its stream is dialled again as that of `watchRun`. */
  driveRun(runId: string, { requestedBy, onRefusal, ...options }: DriveOptions): DrivenRun {
    let stream: DriveStream | undefined;
    const send = (request: MessageInitShape<typeof DriveRunRequestSchema>): boolean => {
      stream?.send(request);
      return stream !== undefined;
    };
    const open = async function* (this: SuiteClient): AsyncGenerator<WatchedRun> {
      stream = this.#runs.driveRun({ signal: options.signal });
      stream.send({ message: { case: "attach", value: { runId, requestedBy, intervalMs: options.intervalMs } } });
      try {
        for await (const message of messagesOf(stream)) {
          for (const refusal of message.refusals) onRefusal(refusal.message);
          yield message;
        }
      } catch (error) {
        yield { run: await this.#endedMeanwhile(runId, error), events: [] };
      } finally {
        stream = undefined;
      }
    };
    return {
      ended: toItsEnd(() => open.call(this), options),
      adjust: (value) => send({ message: { case: "adjust", value } }),
      cancel: (reason) => send({ message: { case: "cancel", value: { reason } } }),
    };
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
  async summarize(
    runId: string,
    phase = "",
    { definitions = [], withIntervals = false, filter = "", groupBy = [], metrics = [], statistics = [] }: SummaryWishes = {},
  ): Promise<SummarizeRecordsResponse> {
    const records = await this.#recordsManager();
    const names = { definitions: [...definitions], groupBy: [...groupBy], metrics: [...metrics], statistics: [...statistics] };
    return records.summarizeRecords({ runId, phase, filter, withIntervals, ...names }, { timeoutMs: summaryTimeoutMs });
  }

  /** A run in buckets of time. Throws `invalid_argument` for a filter or series that cannot be read, and for too many buckets. */
  async timeline(asked: MessageInitShape<typeof GetTimelineRequestSchema>): Promise<GetTimelineResponse> {
    const records = await this.#recordsManager();
    return records.getTimeline(asked, { timeoutMs: summaryTimeoutMs });
  }

  /** All records that are wanted, in messages of some, as fast as they are taken. Throws `invalid_argument` for a filter or an order that cannot be read. */
  async *streamRecords(
    runId: string,
    { phase, filter, orderBy, fields, limit }: RecordsWanted,
    signal: AbortSignal,
  ): AsyncGenerator<StreamRecordsResponse> {
    const records = await this.#recordsManager();
    const mask = fields.length === 0 ? {} : { fields: { paths: [...fields] } };
    const most = Number.isFinite(limit) ? { limit: BigInt(limit) } : {};
    yield* records.streamRecords({ runId, phase, filter, orderBy, ...mask, ...most }, { signal });
  }

  /** Live figures until the run ends or the signal aborts. */
  async *watchSummary(runId: string, signal: AbortSignal): AsyncGenerator<WatchSummaryResponse> {
    const records = await this.#recordsManager();
    yield* records.watchSummary({ runId, intervalMs: 1000 }, { signal });
  }

  /** Samples as they are scraped, those of one source at a time, until the collection ends or the signal aborts. */
  async *watchSamples(runId: string, signal: AbortSignal): AsyncGenerator<readonly Sample[]> {
    const telemetry = await this.serviceOf(TelemetryService, ServiceKind.TELEMETRY);
    try {
      for await (const { samples } of telemetry.watchSamples({ runId }, { signal })) yield samples;
    } finally {
      telemetry.close();
    }
  }

  /** The bytes of the run's files, of those named and of formats, or of all. `cliCommand`: secrets masked; empty: not known. */
  async *exportRun(
    runId: string,
    cliCommand: string,
    signal: AbortSignal,
    { files = [], formats = [] }: { readonly files?: readonly string[]; readonly formats?: readonly string[] } = {},
  ): AsyncGenerator<ExportRunResponse> {
    const records = await this.#recordsManager();
    yield* records.exportRun({ runId, cliCommand, files: [...files], formats: [...formats] }, { signal });
  }

  close(): void {
    this.#channel.close();
    this.#records?.client.close();
  }

  /** A service at whoever serves it at the moment; to be closed by the caller. Throws `unavailable` where there is none. */
  async serviceOf<S extends DescService>(service: S, kind: ServiceKind): Promise<Client<S>> {
    return createClient(service, { ...this.#suite, address: await this.#addressOf(kind) });
  }

  /** The run, where that it has ended is why it cannot be driven; else throws the error. */
  async #endedMeanwhile(runId: string, error: unknown): Promise<Run> {
    if (!(error instanceof AssayError) || error.code !== "failed_precondition") throw error;
    const run = await this.getRun(runId);
    if (!isEnded(run)) throw error;
    return run;
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
    // One that has died may still be listed beside its successor, and one that is frozen would never answer. Of several that of shard 0 answers for all.
    const serving = members.filter(
      ({ services, address, isConnected }) => isConnected && services.includes(kind) && address !== "",
    );
    const member = serving.sort((a, b) => a.shard - b.shard)[0];
    if (member !== undefined) return member.address;
    const name = ServiceKind[kind].toLowerCase().replaceAll("_", "-");
    throw new AssayError("unavailable", `no ${name} in the suite at ${this.#suite.address}`);
  }
}

/** How long a controller may take to say what it thinks of a spec: files and tokenizers are read before. */
function acceptTimeoutMs({ dataset, tokenizer }: RunSpec): number {
  const isMade = dataset === undefined || dataset.source.case === undefined || dataset.source.case === "synthetic";
  return isMade && tokenizer === undefined ? acceptedWithinMs : readWithinMs;
}

type DriveStream = ReturnType<Client<typeof RunService>["driveRun"]>;

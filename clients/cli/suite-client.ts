/** A suite as the command line uses it, over the library. */
import { type DescService, fromJson, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { Run } from "../../gen/assay/controller/v1/controller_pb.js";
import type { AdjustPhase, ValidateRunResponse } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { PreparationProgress } from "../../gen/assay/dataset/v1/dataset_pb.js";
import type { Sample } from "../../gen/assay/records_manager/v1/record_pb.js";
import type {
  ExportRunResponse,
  GetTimelineRequestSchema,
  GetTimelineResponse,
  StreamRecordsResponse,
  SummarizeRecordsResponse,
  WatchSummaryResponse,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { TelemetryService } from "../../gen/assay/telemetry/v1/telemetry_service_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import type { Client } from "../../services/common/rpc/client.ts";
import { asAssayError } from "../../services/common/rpc/status.ts";
import { acceptedWithinMs } from "../node/driven-run.ts";
import { type OpenSuite, openSuite } from "../node/suite.ts";
import type { DrivenRun, DriveOptions, RunOptions } from "../node/types.d.ts";
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

/** A long run is counted from all of its rows. */
const timelineTimeoutMs = 300_000;
const cancelTimeoutMs = 5000;
const suiteTimeoutMs = 5000;
const findOptions = { timeoutMs: suiteTimeoutMs };
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
  readonly #suite: OpenSuite;

  constructor(suite: SuiteAddress) {
    this.#suite = openSuite(suite);
  }

  /** Creates a run from a spec in proto JSON, which goes on whatever becomes of whoever created it. Fails with the controller's own errors, `violations` included. */
  async createRun(spec: JsonObject, options: Omit<RunOptions, "isKept">): Promise<DrivenRun> {
    return this.#suite.run(fromJson(RunSpecSchema, spec), { ...options, isKept: true });
  }

  /** How far the dataset of a run is that `createRun` or `validateRun` looks at by this id, until they have or the signal aborts. */
  async *watchPreparation(runId: string, signal: AbortSignal): AsyncGenerator<PreparationProgress> {
    for await (const { progress } of this.#suite.runs.watchPreparation({ runId }, { signal })) {
      if (progress !== undefined) yield progress;
    }
  }

  /** The effective spec of a spec in proto JSON, secrets masked, and what is suspect about it. Fails as `createRun`. */
  async validateRun(spec: JsonObject, runId = ""): Promise<ValidateRunResponse> {
    const message = fromJson(RunSpecSchema, spec);
    return this.#suite.runs.validateRun({ spec: message, runId }, { timeoutMs: acceptedWithinMs(message) });
  }

  /** Newest first, at most `limit`. */
  async *listRuns(limit = Number.POSITIVE_INFINITY): AsyncGenerator<Run> {
    let left = limit;
    let pageToken = "";
    do {
      const page = await this.#suite.runs.listRuns({ pageSize: Math.min(left, 1000), pageToken }, { timeoutMs: suiteTimeoutMs });
      yield* page.runs;
      left -= page.runs.length;
      pageToken = page.nextPageToken;
    } while (pageToken !== "" && left > 0);
  }

  /** Runs of this suite that wait or go on, in the order of their creation. */
  async activeRuns(): Promise<Run[]> {
    const { activeRunIds } = await this.#suite.suite.getSuite({}, { timeoutMs: suiteTimeoutMs });
    return Promise.all(activeRunIds.map((runId) => this.getRun(runId)));
  }

  /** Throws `not_found`. */
  async getRun(runId: string): Promise<Run> {
    const { run } = await this.#suite.runs.getRun({ runId }, { timeoutMs: suiteTimeoutMs });
    if (run === undefined) throw new AssayError("not_found", `there is no run ${runId}`);
    return run;
  }

  /** Throws `not_found`, `failed_precondition` for one that has not ended. */
  async deleteRun(runId: string): Promise<void> {
    await this.#suite.runs.deleteRun({ runId }, { timeoutMs: suiteTimeoutMs });
  }

  /** Watches a run that goes on, and takes wishes about it. */
  async driveRun(runId: string, options: DriveOptions): Promise<DrivenRun> {
    return this.#suite.attach(runId, options);
  }

  /** Changes the load of the phase that runs. Throws `failed_precondition` where that does not fit. */
  async adjustRun(runId: string, adjust: Omit<AdjustPhase, "$typeName">): Promise<void> {
    await this.#suite.runs.adjustRun({ runId, adjust }, { timeoutMs: cancelTimeoutMs });
  }

  /** Asks for the end of a run. One that has ended already is no error. */
  async cancelRun(runId: string, isNow: boolean, reason: string): Promise<void> {
    try {
      await this.#suite.runs.cancelRun(
        { runId, now: isNow, reason },
        { timeoutMs: isNow ? cancelNowTimeoutMs : cancelTimeoutMs },
      );
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
    const names = { definitions: [...definitions], groupBy: [...groupBy], metrics: [...metrics], statistics: [...statistics] };
    return this.#suite.summaryOf(runId, { phase, filter, withIntervals, ...names });
  }

  /** A run in buckets of time. Throws `invalid_argument` for a filter or series that cannot be read, and for too many buckets. */
  async timeline(asked: MessageInitShape<typeof GetTimelineRequestSchema>): Promise<GetTimelineResponse> {
    const records = await this.#suite.records(findOptions);
    return records.getTimeline(asked, { timeoutMs: timelineTimeoutMs });
  }

  /** All records that are wanted, in messages of some, as fast as they are taken. Throws `invalid_argument` for a filter or an order that cannot be read. */
  async *streamRecords(
    runId: string,
    { phase, filter, orderBy, fields, limit }: RecordsWanted,
    signal: AbortSignal,
  ): AsyncGenerator<StreamRecordsResponse> {
    const most = Number.isFinite(limit) ? { limit: BigInt(limit) } : {};
    yield* this.#suite.recordBatchesOf(runId, { phase, filter, orderBy, fields, ...most }, { signal });
  }

  /** Live figures until the run ends or the signal aborts. */
  async *watchSummary(runId: string, signal: AbortSignal): AsyncGenerator<WatchSummaryResponse> {
    const records = await this.#suite.records(findOptions);
    yield* records.watchSummary({ runId, intervalMs: 1000 }, { signal });
  }

  /** Samples as they are scraped, those of one source at a time, until the collection ends or the signal aborts. */
  async *watchSamples(runId: string, signal: AbortSignal): AsyncGenerator<readonly Sample[]> {
    const telemetry = await this.serviceOf(TelemetryService);
    for await (const { samples } of telemetry.watchSamples({ runId }, { signal })) yield samples;
  }

  /** The bytes of the run's files, of those named and of formats, or of all. `cliCommand`: secrets masked; empty: not known. */
  async *exportRun(
    runId: string,
    cliCommand: string,
    signal: AbortSignal,
    { files = [], formats = [] }: { readonly files?: readonly string[]; readonly formats?: readonly string[] } = {},
  ): AsyncGenerator<ExportRunResponse> {
    const records = await this.#suite.records(findOptions);
    yield* records.exportRun({ runId, cliCommand, files: [...files], formats: [...formats] }, { signal });
  }

  close(): void {
    this.#suite.close();
  }

  /** A service at whoever serves it at the moment. Throws `unavailable` where there is none. */
  serviceOf<S extends DescService>(service: S): Promise<Client<S>> {
    return this.#suite.client(service, findOptions);
  }
}

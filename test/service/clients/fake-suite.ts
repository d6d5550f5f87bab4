/** A suite of one server whose run stands wherever the test says. */
import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { type Run, type RunEventSchema, RunSchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import {
  type AdjustRunRequest,
  type CancelRunRequest,
  type CreateRunRequest,
  type DriveRefusalSchema,
  type DriveRunRequest,
  RunService,
  SuiteService,
  type WatchPreparationRequest,
} from "../../../gen/assay/controller/v1/controller_service_pb.js";
import type { PreparationProgressSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import {
  type ExportRunRequest,
  type ExportRunResponseSchema,
  RecordsManagerService,
} from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import type { AuthOptions } from "../../../services/common/rpc/auth.ts";
import { implement } from "../../../services/common/rpc/handler.ts";
import type { TlsOptions } from "../../../services/common/rpc/port.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { runShape, type SummaryShape, summaryShape } from "../../unit/clients/summaries.ts";

type Event = MessageInitShape<typeof RunEventSchema>;

const missing = (): never => {
  throw new AssayError("unimplemented", "not in this suite");
};

export class FakeSuite {
  readonly created: CreateRunRequest[] = [];
  readonly cancelled: CancelRunRequest[] = [];
  readonly adjusted: AdjustRunRequest[] = [];
  /** What came over DriveRun. */
  readonly driven: DriveRunRequest["message"][] = [];
  /** Answer to the next adjust or cancel of DriveRun. */
  refusal: MessageInitShape<typeof DriveRefusalSchema> | undefined;
  readonly exported: ExportRunRequest[] = [];
  /** Thrown where a run is to be created. */
  createError: AssayError | undefined;
  /** Thrown where a run is to be met. */
  attachError: AssayError | undefined;
  /** Awaited where a run is to be created. */
  createGate: Promise<void> | undefined;
  /** How far its dataset is, one after the other, whatever run is asked for. */
  preparation: MessageInitShape<typeof PreparationProgressSchema>[] = [];
  /** Runs whose preparation was watched. */
  readonly prepared: string[] = [];
  warnings: string[] = [];
  summary: SummaryShape | AssayError = summaryShape();
  files: MessageInitShape<typeof ExportRunResponseSchema>[] = [];
  /** Called when a run is to be cancelled. */
  onCancel: ((request: CancelRunRequest) => void) | undefined;
  watches = 0;
  hasRecordsManager = true;
  #run: Run = create(RunSchema, { ...runShape(), state: RunState.CREATED });
  #events: Event[] = [];
  #changed = Promise.withResolvers<void>();
  #watchFailure: AssayError | undefined;
  #server: RpcServer | undefined;
  address = "";

  async start(auth: AuthOptions = { insecure: true }, tls?: TlsOptions): Promise<void> {
    const services = [this.#runService(), this.#suiteService(), this.#recordsManager()];
    this.#server = createRpcServer({ services, listen: {}, auth, log: silentLogger, ...(tls === undefined ? {} : { tls }) });
    this.address = (await this.#server.start()).address;
  }

  async stop(): Promise<void> {
    await this.#server?.stop(0);
  }

  setHealth(service: string, isServing: boolean): void {
    this.#server?.setHealth(service, isServing);
  }

  /** The run stands so from now on, and whoever watches is told. */
  show(change: MessageInitShape<typeof RunSchema>, events: Event[] = []): void {
    this.#run = create(RunSchema, { ...runShape(), ...change } as MessageInitShape<typeof RunSchema>);
    this.#events = events;
    this.#wake();
  }

  /** Resolves when something more has come over DriveRun, or the run stands otherwise. */
  nextWish(): Promise<void> {
    return this.#changed.promise;
  }

  /** Every stream that watches breaks. */
  breakWatches(error: AssayError): void {
    this.#watchFailure = error;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async *#watch(signal: AbortSignal) {
    this.#watchFailure = undefined;
    this.watches++;
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    for (;;) {
      const changed = this.#changed.promise;
      yield { run: clone(RunSchema, this.#run), events: this.#events };
      if (this.#run.state >= RunState.COMPLETED) return;
      await Promise.race([changed, aborted]);
      if (signal.aborted) return;
      if (this.#watchFailure !== undefined) throw this.#watchFailure;
    }
  }

  async *#drive(requests: AsyncIterable<DriveRunRequest>, signal: AbortSignal) {
    const refusals: MessageInitShape<typeof DriveRefusalSchema>[] = [];
    const incoming = requests[Symbol.asyncIterator]();
    const first = await incoming.next();
    if (first.done === true) return;
    this.driven.push(first.value.message);
    this.#wake();
    const warnings = await this.#begin(first.value.message);
    void (async () => {
      for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
        const { message } = next.value;
        this.driven.push(message);
        if (this.refusal !== undefined) refusals.push(this.refusal);
        else if (message.case === "cancel") this.#cancel(message.value);
        this.refusal = undefined;
        this.#wake();
      }
    })().catch(() => {});
    let said = warnings;
    for await (const message of this.#watch(signal)) {
      yield { ...message, refusals: refusals.splice(0), warnings: said };
      said = [];
    }
  }

  /** Warnings about what is to be created. */
  async #begin(message: DriveRunRequest["message"]): Promise<string[]> {
    if (message.case !== "create") {
      if (this.attachError !== undefined) throw this.attachError;
      return [];
    }
    if (message.value.run !== undefined) this.created.push(message.value.run);
    await this.createGate;
    if (this.createError !== undefined) throw this.createError;
    return this.warnings;
  }

  #cancel(request: CancelRunRequest): void {
    this.cancelled.push(request);
    this.onCancel?.(request);
  }

  #runService() {
    return implement(RunService, {
      role: "operator",
      handlers: {
        createRun: missing,
        watchRun: missing,
        cancelRun: (request) => {
          this.#cancel(request);
          return { run: clone(RunSchema, this.#run) };
        },
        watchPreparation: (request) => this.#watchPreparation(request),
        validateRun: missing,
        getRun: () => ({ run: clone(RunSchema, this.#run) }),
        listRuns: missing,
        deleteRun: missing,
        adjustRun: (request) => {
          this.adjusted.push(request);
          return { run: clone(RunSchema, this.#run) };
        },
        driveRun: (requests, { signal }) => this.#drive(requests, signal),
      },
    });
  }

  async *#watchPreparation({ runId }: WatchPreparationRequest) {
    this.prepared.push(runId);
    for (const progress of this.preparation) yield { progress };
  }

  #suiteService() {
    return implement(SuiteService, {
      role: "viewer",
      handlers: {
        getSuite: () => ({
          activeRunIds: this.#run.state < RunState.COMPLETED ? [this.#run.runId] : [],
          members: [
            { memberId: "controller-1", services: [ServiceKind.CONTROLLER], address: this.address },
            ...(this.hasRecordsManager
              ? [{ memberId: "records-1", services: [ServiceKind.RECORDS_MANAGER], address: this.address, isConnected: true }]
              : []),
          ],
        }),
        watchSuite: missing,
      },
    });
  }

  #recordsManager() {
    const suite = this;
    return implement(RecordsManagerService, {
      role: "viewer",
      handlers: {
        summarizeRecords: () => {
          if (suite.summary instanceof AssayError) throw suite.summary;
          return suite.summary;
        },
        async *watchSummary(_request, { signal }) {
          yield { phase: { metrics: [{ tag: "time_to_first_token", p50: 12.34 }] } };
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
        },
        async *exportRun(request) {
          suite.exported.push(request);
          yield* suite.files;
        },
        ingestRecords: missing,
        ingestSamples: missing,
        queryRecords: missing,
        streamRecords: missing,
        getTimeline: missing,
      },
    });
  }
}

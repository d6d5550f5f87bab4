/** What a run waits for before its first phase: each barrier of the machine, and who reports ready there. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { type RunSpec, RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { CheckTurnsRequestSchema, CheckTurnsResponse } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../common/errors.ts";
import type { BarrierName } from "./core/run-machine.ts";
import type { Observer } from "./observer.ts";
import { resetCache } from "./reset-cache.ts";
import type { RunMembers } from "./run-members.ts";
import { checkTarget, type TargetCheckOptions, withModelTensors } from "./target-check.ts";

/** Services that every run needs one of, beside workers and dataset. */
export const neededServices = [
  ["timing", ServiceKind.TIMING],
  ["records-manager", ServiceKind.RECORDS_MANAGER],
  ["record-processor", ServiceKind.RECORD_PROCESSOR],
] as const;

export interface PreparationOptions {
  readonly spec: RunSpec;
  readonly members: RunMembers;
  readonly observer: Observer;
  /** The run is over. */
  readonly over: AbortSignal;
  /** The run is being made ready: workers that come now are waited for. */
  isPreparing(): boolean;
  /** Has the dataset service look at every turn of the run's dataset. */
  checkTurns(request: MessageInitShape<typeof CheckTurnsRequestSchema>, signal: AbortSignal): Promise<CheckTurnsResponse>;
  /** A member of a barrier is ready; of workers, `members` says it. */
  ready(barrier: BarrierName, member: string): void;
  note(kind: string, message: string): void;
}

export class RunPreparation {
  readonly #options: PreparationOptions;

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /** Has everybody of a barrier made ready, so many workers among them. Rejects with the first that cannot be. */
  async prepare(barrier: BarrierName, workers: number): Promise<void> {
    const { members, ready } = this.#options;
    switch (barrier) {
      case "dataset":
        await members.prepareDataset();
        break;
      case "workers":
        await Promise.all([
          ...neededServices.map(([name, service]) => this.#prepareService(name, service)),
          members.prepareWorkers(workers, () => this.#options.isPreparing()),
        ]);
        return;
      case "telemetry":
        await members.prepareTelemetry();
        break;
      case "clocks":
        await members.clocksMeasured();
        break;
      case "target":
        await this.#prepareTarget();
        break;
      default:
        barrier satisfies never;
    }
    ready(barrier, barrier);
  }

  async #prepareTarget(): Promise<void> {
    const { spec, over, members, note } = this.#options;
    const asking: TargetCheckOptions = { spec, over, ask: (question) => members.askTarget(question), note };
    const whole = withModelTensors(spec, await checkTarget(asking));
    await this.#checkTensors(whole);
    members.targetKnown(whole);
    // What the check has asked is forgotten, too.
    await resetCache(asking);
  }

  /** Whether tensors of a file are what the models take shows when these are known. Rejects with `invalid_argument` where some are not. */
  async #checkTensors({ endpoint, dataset, models, modelSelection, modelWeights, randomSeed = 0n }: RunSpec): Promise<void> {
    if (endpoint?.type !== "tensor" || dataset?.source.case !== "file") return;
    const { members, over, checkTurns } = this.#options;
    const spec = create(RunSpecSchema, { endpoint, models, modelSelection, modelWeights, randomSeed });
    const { turns, unsendable, problem } = await checkTurns({ datasetId: await members.datasetId(), spec }, over);
    if (unsendable === 0n) return;
    const { name, path } = dataset.source.value;
    const others = unsendable === 1n ? "" : ` (and ${unsendable - 1n} more of ${turns} steps)`;
    throw new AssayError("invalid_argument", `${name === "" ? path : name}: ${problem}${others}`);
  }

  async #prepareService(name: string, service: ServiceKind): Promise<void> {
    const { members, observer, ready } = this.#options;
    await members.prepareService(service);
    if (service === ServiceKind.RECORDS_MANAGER) observer.start();
    ready("workers", name);
  }
}

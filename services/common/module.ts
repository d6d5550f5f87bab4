/** What a service is to the process that runs it: RPCs to serve, commands to carry out, something to stop. */
import type { Directory } from "../../gen/assay/controller/v1/controller_pb.js";
import type { Command, CommandResult } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { TimingProgress } from "../../gen/assay/timing/v1/timing_pb.js";
import type { Family } from "./observe/instrument.ts";
import type { Implementation } from "./rpc/handler.ts";
import type { HttpPages } from "./rpc/http1.ts";

/** Names of the services: folder, proto area, config key, `--services` value, log field. */
export const serviceNames = [
  "controller",
  "dataset",
  "timing",
  "worker-manager",
  "worker",
  "record-processor",
  "records-manager",
  "telemetry",
] as const;

export type ServiceName = (typeof serviceNames)[number];

/** What a service found out or made while it carried out a command. */
export type CommandOutcome = CommandResult["outcome"];

export interface ServiceModule {
  readonly name: ServiceName;
  readonly implementations: readonly Implementation[];
  /**
   * Carries out a command of the controller; `undefined`: it does not concern this service. The signal aborts at the
   * command's deadline. What it throws becomes the command's error.
   */
  onCommand?(command: Command, signal: AbortSignal): Promise<CommandOutcome | undefined>;
  /** The directory has changed. */
  onDirectory?(directory: Directory): void;
  /** The suite that this process belonged to is gone: its controller has come back as another. Runs of the old one end. */
  onSuiteChanged?(): void;
  /** Depths and totals of its bounded queues, for the heartbeat. */
  counters?(): Readonly<Record<string, number>>;
  /** What it counts of itself, by its table of instruments; asked when somebody reads the metrics of this process. */
  families(): Family[];
  /** Pages that are served only where this process serves metrics. */
  readonly metricsPages?: HttpPages;
  /** Timing only: where the accounts stand. */
  timingProgress?(): TimingProgress[];
  /** Ends it: streams closed, files flushed. Resolves within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

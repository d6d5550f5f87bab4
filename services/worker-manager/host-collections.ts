/** What this host shows, for each run that it takes part in: made of a run's spec, sent to the records-manager. */

import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { AllowedTargets } from "../common/allowed-targets.ts";
import type { Logger } from "../common/logger.ts";
import type { Addresses } from "../common/member/addresses.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import { createClient } from "../common/rpc/client.ts";
import { SampleSender } from "../common/sample-sender.ts";
import { probedTargets } from "./core/probed-target.ts";
import { HostCollection } from "./host-collection.ts";
import { createHostReader } from "./host-reader.ts";

export interface HostCollectionsDeps {
  /** This process's id at the controller. */
  id(): string;
  /** Name of this host. */
  readonly host: string;
  readonly log: Logger;
  readonly clock: SuiteClock;
  readonly addresses: Addresses;
  /** Which targets may be connected to. Default: all. */
  readonly allowed?: AllowedTargets | undefined;
}

export interface HostCollections {
  /** Begins for a run, anew where it had begun; resolves behind the first reading of everything. The signal ends the wait for the records-manager. */
  start(runId: string, spec: RunSpec, signal: AbortSignal): Promise<void>;
  /** Reads everything of a run once more. */
  readNow(runId: string): Promise<void>;
  /** A last reading; resolves when all is committed, or after 2 s. Nothing where there is no such run. */
  stop(runId: string): Promise<void>;
  /** Ends all at once. */
  close(): void;
}

const stopTimeoutMs = 2_000;
/** A target that takes longer has no round trip worth the name; a run waits so long for it before its first phase. */
const pingLimitMs = 2_000;
const defaultIntervalMs = 1000;
const defaultPingSec = 1;

export function createHostCollections({ id, host, log, clock, addresses, allowed }: HostCollectionsDeps): HostCollections {
  const collections = new Map<string, HostCollection>();
  let seq = 0n;
  return {
    async start(runId, spec, signal) {
      collections.get(runId)?.close();
      const route = await addresses.routeTo("records-manager", signal);
      const sender = new SampleSender({
        runId,
        // Telemetry may be in the same process, and numbers its batches by itself.
        memberId: `${id()}/host`,
        nextSeq: () => ++seq,
        dial: () => createClient(RecordsManagerService, route()).ingestSamples(),
        onLost: () => log.debug("a reading of the host is lost", { run_id: runId }),
      });
      const collection = new HostCollection({
        host,
        reader: createHostReader(),
        intervalMs: spec.telemetry?.intervalMs ?? defaultIntervalMs,
        targets: targetsOf(spec),
        allowed,
        pingMs: (spec.output?.networkLatencyPingIntervalSec ?? defaultPingSec) * 1000,
        pingLimitMs,
        clock,
        sender,
      });
      collections.set(runId, collection);
      await collection.start();
    },
    async readNow(runId) {
      await collections.get(runId)?.readNow();
    },
    async stop(runId) {
      const collection = collections.get(runId);
      await collection?.stop(stopTimeoutMs);
      // Not before: what still waits for the records-manager is closed with all others.
      if (collections.get(runId) === collection) collections.delete(runId);
    },
    close() {
      for (const collection of collections.values()) collection.close();
      collections.clear();
    },
  };
}

/** Whose round trips a run wants to know. What lies behind a proxy is not where a connection would go. */
function targetsOf({ output, target }: RunSpec) {
  if (output?.measureNetworkLatency !== true || target === undefined || target.proxyUrl !== "") return [];
  return probedTargets(target.urls.map(({ url }) => url));
}

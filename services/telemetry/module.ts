/** Telemetry as a module of its process: what is collected for which run. */
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { Logger } from "../common/logger.ts";
import type { Addresses } from "../common/member/addresses.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { ServiceModule } from "../common/module.ts";
import { familiesOf } from "../common/observe/counting.ts";
import { createClient } from "../common/rpc/client.ts";
import { Collection } from "./collection.ts";
import { type DiscoveredSource, discoverSource } from "./discovery.ts";
import { type ScrapeCounts, telemetryInstruments } from "./instruments.ts";
import type { SourceReport } from "./scraper.ts";
import { createTelemetryService, type DiscoveryWanted, usualUrls } from "./service.ts";
import { createPageFetcher, type PageLimits } from "./sources/http.ts";
import { openSource } from "./sources/open-source.ts";

export interface TelemetryDeps {
  /** This process's id at the controller. */
  id(): string;
  readonly log: Logger;
  readonly clock: SuiteClock;
  readonly addresses: Addresses;
  /** Limits of one scrape. */
  readonly pageLimits: PageLimits;
}

const done = { case: undefined } as const;
const stopTimeoutMs = 2_000;

export function createTelemetryModule({ id, log, clock, addresses, pageLimits }: TelemetryDeps): ServiceModule {
  const collections = new Map<string, Collection>();
  const fetcher = createPageFetcher(pageLimits);
  let seq = 0n;
  const counts: ScrapeCounts = { scrapes: 0, failures: 0, samples: 0, lostBatches: 0 };

  const discover = async (
    { urls, timeoutMs, watchMs, access }: DiscoveryWanted,
    signal: AbortSignal,
  ): Promise<DiscoveredSource[]> => {
    const limits = { ...pageLimits, deadlineMs: timeoutMs };
    const asking = createPageFetcher(limits, access);
    const options = { watchMs, wallMs: Date.now, signal };
    try {
      // So that the first answer's time is the source's own.
      await asking.load();
      const sources = urls.map((url) => openSource(url, { fetcher: asking, deadlineMs: timeoutMs }));
      return await Promise.all(sources.map((source) => discoverSource(source, options)));
    } finally {
      await asking.close();
    }
  };

  const start = async (
    runId: string,
    urls: readonly string[],
    intervalMs: number,
    signal: AbortSignal,
  ): Promise<SourceReport[]> => {
    collections.get(runId)?.close();
    const channel = await addresses.channelTo("records-manager", signal);
    const dial = () => createClient(RecordsManagerService, channel).ingestSamples();
    const nextSeq = () => ++seq;
    const collection = new Collection({ runId, memberId: id(), urls, intervalMs, fetcher, clock, log, counts, nextSeq, dial });
    collections.set(runId, collection);
    return collection.start();
  };

  const stop = async (runId: string) => {
    const collection = collections.get(runId);
    collections.delete(runId);
    return (await collection?.stop(stopTimeoutMs)) ?? { samples: 0, gaps: 0 };
  };

  const queued = (): number => [...collections.values()].reduce((sum, collection) => sum + collection.queued, 0);

  const closeAll = (): void => {
    for (const collection of collections.values()) collection.close();
    collections.clear();
  };

  return {
    name: "telemetry",
    implementations: [createTelemetryService({ find: (runId) => collections.get(runId), discover, start, stop })],
    async onCommand({ runId, action }, signal) {
      switch (action.case) {
        case "configure": {
          const { dcgmUrls = [], disableGpu = false, intervalMs = 1000 } = action.value.spec?.telemetry ?? {};
          if (disableGpu) return done;
          // Pages that nobody named are tried quietly, and only those that are there are scraped.
          const named = dcgmUrls.length > 0;
          const present = named
            ? []
            : (await discover({ urls: usualUrls, timeoutMs: pageLimits.deadlineMs, watchMs: 0, access: {} }, signal)).filter(
                ({ isPresent, kind }) => isPresent && kind !== "server",
              );
          const urls = named ? dcgmUrls : present.map(({ name }) => name);
          if (urls.length === 0) return done;
          const reports = await start(runId, urls, intervalMs, signal);
          for (const { url, isPresent, reason } of reports) {
            if (!isPresent) log.warn("a telemetry page does not answer; it is tried again", { run_id: runId, url, reason });
          }
          return done;
        }
        case "endCollection":
        case "finish":
          await stop(runId);
          return done;
        default:
          return undefined;
      }
    },
    onSuiteChanged: closeAll,
    counters: () => ({ collections: collections.size, sample_queue: queued() }),
    families: () =>
      familiesOf(telemetryInstruments, {
        assay_telemetry_collections: collections.size,
        assay_telemetry_scrapes_total: [
          { labels: { outcome: "samples" }, value: counts.scrapes },
          { labels: { outcome: "failure" }, value: counts.failures },
        ],
        assay_telemetry_samples_total: counts.samples,
        assay_telemetry_queued_batches: queued(),
        assay_telemetry_lost_batches_total: counts.lostBatches,
      }),
    async stop() {
      closeAll();
      await fetcher.close();
    },
  };
}

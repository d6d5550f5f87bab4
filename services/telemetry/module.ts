/** Telemetry as a module of its process: what is collected for which run. */
import { setTimeout as delay } from "node:timers/promises";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { RecordsManagerService } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { messageOf } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import type { Addresses } from "../common/member/addresses.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { ServiceModule } from "../common/module.ts";
import { familiesOf } from "../common/observe/counting.ts";
import { createClient } from "../common/rpc/client.ts";
import { Collection } from "./collection.ts";
import type { GpuField } from "./core/sources/dcgm-fields.ts";
import type { SourceKind } from "./core/sources/series.ts";
import { type DiscoveredSource, discoverSource } from "./discovery.ts";
import { type ScrapeCounts, telemetryInstruments } from "./instruments.ts";
import { isMeant, sourcesOf } from "./run-sources.ts";
import type { SourceReport } from "./scraper.ts";
import { createTelemetryService, type DiscoveryWanted } from "./service.ts";
import { createPageFetcher, type PageAccess, type PageFetcher, type PageLimits } from "./sources/http.ts";
import { openSource } from "./sources/open-source.ts";
import type { Source } from "./sources/source.ts";

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
const stopTimeoutMs = 3_000;
const quietMs = 250;

interface OpenedCollection {
  readonly collection: Collection;
  readonly fetcher: PageFetcher;
  source(text: string): Source;
}

export function createTelemetryModule({ id, log, clock, addresses, pageLimits }: TelemetryDeps): ServiceModule {
  const collections = new Map<string, OpenedCollection>();
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

  const open = async (
    runId: string,
    intervalMs: number,
    page: { readonly access: PageAccess; readonly customFields: readonly GpuField[] },
    signal: AbortSignal,
  ): Promise<OpenedCollection> => {
    close(runId);
    const channel = await addresses.channelTo("records-manager", signal);
    const dial = () => createClient(RecordsManagerService, channel).ingestSamples();
    const nextSeq = () => ++seq;
    const fetcher = createPageFetcher(pageLimits, page.access);
    const collection = new Collection({ runId, memberId: id(), intervalMs, clock, log, counts, nextSeq, dial });
    const { customFields } = page;
    const opened = {
      collection,
      fetcher,
      source: (text: string) => openSource(text, { fetcher, customFields, deadlineMs: pageLimits.deadlineMs }),
    };
    collections.set(runId, opened);
    return opened;
  };

  /** Behind the first scrape of what the run names; what is tried quietly is waited for a moment only, and added whenever it is there. */
  const configure = async (runId: string, spec: RunSpec, signal: AbortSignal): Promise<void> => {
    const { wanted, intervalMs, ...page } = sourcesOf(spec);
    if (wanted.length === 0) return;
    const { collection, source } = await open(runId, intervalMs, page, signal);
    const quiet = wanted.filter(({ isQuiet }) => isQuiet).map(({ text, kind }) => tryQuietly(collection, source(text), kind));
    const named = wanted
      .filter(({ isQuiet }) => !isQuiet)
      .map(async ({ text, kind }) => {
        const { url, kind: found, isPresent, reason } = await collection.add(source(text), kind);
        if (!isPresent) log.warn("a telemetry source does not answer; it is tried again", { run_id: runId, url, reason });
        else if (found !== undefined && !isMeant(kind, found))
          log.warn(`a page of ${found} metrics was meant to be of ${kind}`, { run_id: runId, url });
      });
    const pause = new AbortController();
    const tired = delay(quietMs, undefined, { signal: AbortSignal.any([signal, pause.signal]) }).catch(() => {});
    await Promise.all([Promise.race([Promise.all(quiet), tired]), ...named]);
    pause.abort();
  };

  const start = async (
    runId: string,
    urls: readonly string[],
    intervalMs: number,
    signal: AbortSignal,
  ): Promise<SourceReport[]> => {
    const { collection, source } = await open(runId, intervalMs, { access: {}, customFields: [] }, signal);
    return Promise.all(urls.map((url) => collection.add(source(url), "dcgm")));
  };

  const stop = async (runId: string) => {
    const opened = collections.get(runId);
    collections.delete(runId);
    if (opened === undefined) return { samples: 0, gaps: 0 };
    const totals = await opened.collection.stop(stopTimeoutMs);
    await opened.fetcher.close();
    return totals;
  };

  const close = (runId: string): void => {
    const opened = collections.get(runId);
    collections.delete(runId);
    opened?.collection.close();
    opened?.fetcher.close().catch((error: unknown) => log.debug("connections did not close", { error: messageOf(error) }));
  };

  const queued = (): number => [...collections.values()].reduce((sum, { collection }) => sum + collection.queued, 0);

  const closeAll = (): void => {
    for (const runId of [...collections.keys()]) close(runId);
  };

  return {
    name: "telemetry",
    implementations: [createTelemetryService({ find: (runId) => collections.get(runId)?.collection, discover, start, stop })],
    async onCommand({ runId, action }, signal) {
      switch (action.case) {
        case "configure":
          if (action.value.spec !== undefined) await configure(runId, action.value.spec, signal);
          return done;
        case "startPhase":
          collections.get(runId)?.collection.phaseStarts();
          return done;
        case "endPhase":
          collections.get(runId)?.collection.phaseEnds();
          return done;
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
    stop: async () => closeAll(),
  };
}

/** Nothing becomes of what is not there, or is something else than it was tried for. */
async function tryQuietly(collection: Collection, source: Source, kind: SourceKind): Promise<void> {
  const answer = await source.read(collection.signal);
  if (answer.kind === "reading" && isMeant(kind, answer.reading.kind)) await collection.add(source, kind);
}

/**
 * OpenTelemetry in a process: traces and metrics to a collector. Imported only where the environment asks for it. Nothing here can
 * hold a run up: spans and metrics are sent in the background, what does not fit its queue is dropped, and the end has a deadline.
 */
import { setTimeout as delay } from "node:timers/promises";
import { context, DiagLogLevel, diag } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { setGlobalErrorHandler } from "@opentelemetry/core";
import { defaultResource, detectResources, envDetector, type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { WallNs } from "../../clock.ts";
import { messageOf } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { version } from "../../version.ts";
import type { Family } from "../instrument.ts";
import { type Carrier, noTracer, type Tracer } from "../tracing.ts";
import { createMetricExporter, createSpanExporter } from "./exporters.ts";
import { createMetricProducer } from "./metric-producer.ts";
import type { OtelSettings } from "./settings.ts";
import { createTracer } from "./tracer.ts";

export interface OtelOptions {
  readonly settings: OtelSettings;
  /** What this process is; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` stand above it. */
  readonly resource: Readonly<Record<string, string | number>>;
  /** Trace context of whoever started this process. */
  readonly root: Carrier;
  readonly startWallNs: WallNs;
  readonly log: Logger;
  /** Read at every export of metrics. */
  families(): readonly Family[];
}

export interface Otel {
  readonly tracer: Tracer;
  /** Sends what there is; resolves when that has ended, however, or after `timeoutMs`. Never rejects. */
  flush(timeoutMs: number): Promise<void>;
  /** As `flush`, for the last time. */
  stop(timeoutMs: number): Promise<void>;
}

/** What both providers have. */
interface Provider {
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

export async function startOtel(options: OtelOptions): Promise<Otel> {
  const { log, root } = options;
  quieten(log);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const resource = defaultResource()
    .merge(resourceFromAttributes(options.resource))
    .merge(detectResources({ detectors: [envDetector] }));
  const [traces, metrics] = await Promise.all([createTraces(options, resource), createMetrics(options, resource)]);
  const providers: Provider[] = [traces, metrics].filter((provider) => provider !== undefined);
  const each = (timeoutMs: number, act: (provider: Provider) => Promise<void>): Promise<boolean> =>
    endsWithin(
      timeoutMs,
      providers.map((provider) => act(provider)),
    );
  return {
    tracer: traces === undefined ? noTracer : createTracer(traces.getTracer("assay", version), root),
    async flush(timeoutMs) {
      await each(timeoutMs, (provider) => provider.forceFlush());
    },
    async stop(timeoutMs) {
      if (await each(timeoutMs, (provider) => provider.shutdown())) return;
      log.warn("the collector has not taken everything in time; the rest is dropped");
    },
  };
}

async function createTraces({ settings, log }: OtelOptions, resource: Resource): Promise<TracerProvider | undefined> {
  if (settings.traces === undefined) return undefined;
  const exporter = await createSpanExporter(settings.traces, log);
  return new TracerProvider({
    resource,
    sampler: samplerOf(settings),
    spanProcessors: [new BatchSpanProcessor({ exporter, ...settings.batch })],
  });
}

async function createMetrics(options: OtelOptions, resource: Resource): Promise<MeterProvider | undefined> {
  const { settings, log, startWallNs } = options;
  if (settings.metrics === undefined) return undefined;
  const reader = new PeriodicExportingMetricReader({
    exporter: await createMetricExporter(settings.metrics, log),
    exportIntervalMillis: settings.metricIntervalMs,
    exportTimeoutMillis: settings.metricTimeoutMs,
    metricProducers: [createMetricProducer(() => options.families(), startWallNs)],
  });
  return new MeterProvider({ resource, readers: [reader] });
}

function samplerOf({ sampler, sampledRatio }: OtelSettings): Sampler {
  switch (sampler) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(sampledRatio);
    case "parentbased_always_on":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampledRatio) });
  }
}

/** Outages are logged where they are seen; of the SDK's own words each is logged once. */
function quieten(log: Logger): void {
  const said = new Set<string>();
  const once = (...words: unknown[]): void => {
    const text = words.map((word) => messageOf(word)).join(" ");
    if (said.has(text) || said.size >= mostWarnings) return;
    said.add(text);
    log.warn("OpenTelemetry says", { text });
  };
  const nothing = (): void => {};
  setGlobalErrorHandler((error) => log.debug("an export failed", { error: messageOf(error) }));
  diag.setLogger(
    { error: once, warn: once, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

const mostWarnings = 20;

/** Whether all have settled in time. */
async function endsWithin(timeoutMs: number, works: readonly Promise<void>[]): Promise<boolean> {
  const settled = new AbortController();
  const late = delay(timeoutMs, false, { signal: settled.signal }).catch(() => false);
  const isInTime = await Promise.race([Promise.allSettled(works).then(() => true), late]);
  settled.abort();
  return isInTime;
}

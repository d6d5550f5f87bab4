/**
 * What a process shows of itself while it runs: a metrics page, and traces and metrics by OTLP. Each is loaded only where it was
 * asked for; a process of which nothing was asked loads nothing for it.
 */
import { hostname } from "node:os";
import { messageOf } from "./common/errors.ts";
import type { Log } from "./common/log.ts";
import type { ProcessUsage } from "./common/member/usage.ts";
import type { ServiceModule, ServiceName } from "./common/module.ts";
import type { Family } from "./common/observe/instrument.ts";
import { metricsLabel } from "./common/observe/metrics-label.ts";
import type { Otel } from "./common/observe/otel/start.ts";
import { createProcessMeter, type ProcessMeter } from "./common/observe/process-instruments.ts";
import { type Carrier, noTracer, type Tracer } from "./common/observe/tracing.ts";
import type { HttpPages } from "./common/rpc/http1.ts";
import { rpcFamilies } from "./common/rpc/method-stats.ts";
import type { RpcServer } from "./common/rpc/server.ts";
import { version } from "./common/version.ts";

export interface ObservabilityOptions {
  readonly services: readonly ServiceName[];
  /** Whether a metrics page is asked for. */
  readonly hasPage: boolean;
  /** Asks for OTLP by its `OTEL_*` variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Name of this process where it has one before it joins. */
  readonly memberId: string | undefined;
  /** Another process started this one: what that is a part of, by its environment, this is, too. */
  readonly isStarted: boolean;
  readonly log: Log;
}

/** What is read when somebody asks. */
export interface Observed {
  readonly modules: readonly ServiceModule[];
  readonly server: RpcServer;
}

export interface Observability {
  readonly tracer: Tracer;
  /** Of this process as a member of its suite. */
  readonly labels: Readonly<Record<string, string>>;
  /** For its server. */
  pages(modules: readonly ServiceModule[]): HttpPages;
  /** From now on there is something to read. */
  observe(observed: Observed): void;
  onUsage(usage: ProcessUsage): void;
  /** Sends what there is to the collector, in the background. */
  flush(timeoutMs: number): Promise<void>;
  /** Ends it; resolves after `timeoutMs` at the latest, whatever the collector does. */
  stop(timeoutMs: number): Promise<void>;
}

export async function startObservability(options: ObservabilityOptions): Promise<Observability> {
  const { hasPage, log } = options;
  let observed: Observed | undefined;
  let meter: ProcessMeter | undefined;
  const families = (): Family[] => [
    ...(meter?.families() ?? []),
    ...(observed === undefined ? [] : rpcFamilies(observed.server.methods())),
    ...(observed?.modules.flatMap((module) => module.families()) ?? []),
  ];
  const [page, otel] = await Promise.all([
    hasPage ? import("./common/observe/page.ts") : undefined,
    startExport(options, families),
  ]);
  if (page !== undefined || otel !== undefined) meter = createProcessMeter(options.services);
  // What runs for the first time takes tens of milliseconds, and the first reader may come in the middle of a measurement.
  await page?.render(families());
  return {
    tracer: otel?.tracer ?? noTracer,
    labels: page === undefined ? {} : { [metricsLabel]: page.metricsPath },
    pages(modules) {
      if (page === undefined) return {};
      const own = { [page.metricsPath]: page.createMetricsPage(families, log) };
      return Object.assign(own, ...modules.map(({ metricsPages }) => metricsPages ?? {}));
    },
    observe(now) {
      observed = now;
    },
    onUsage: (usage) => meter?.add(usage),
    flush: async (timeoutMs) => otel?.flush(timeoutMs),
    async stop(timeoutMs) {
      await otel?.stop(timeoutMs);
      meter?.stop();
    },
  };
}

async function startExport(options: ObservabilityOptions, families: () => Family[]): Promise<Otel | undefined> {
  const { env, log } = options;
  // Most runs have none of these, and then not even their reader is needed.
  if (!Object.keys(env).some((name) => name.startsWith("OTEL_"))) return undefined;
  const { otelSettingsOf } = await import("./common/observe/otel/settings.ts");
  const settings = otelSettingsOf(env);
  if (settings === undefined) return undefined;
  for (const secret of settings.secrets) log.addSecret(secret);
  for (const warning of settings.warnings) log.warn(warning);
  if (settings.traces === undefined && settings.metrics === undefined) return undefined;
  try {
    const { startOtel } = await import("./common/observe/otel/start.ts");
    return await startOtel({
      settings,
      resource: resourceOf(options),
      root: options.isStarted ? inheritedContext(env) : {},
      startWallNs: performance.timeOrigin * 1e6,
      log: log.child({ service: "otel" }),
      families,
    });
  } catch (error) {
    // A run is worth more than what is told of it.
    log.warn("OpenTelemetry cannot be started; nothing is exported", { error: messageOf(error) });
    return undefined;
  }
}

function resourceOf({ services, memberId }: ObservabilityOptions): Record<string, string | number> {
  const [first = "process"] = services;
  return {
    "service.name": `assay-${first}`,
    "service.version": version,
    "service.instance.id": memberId ?? `${first}-${process.pid}@${hostname()}`,
    "process.pid": process.pid,
    "host.name": hostname(),
    "assay.services": services.join(","),
  };
}

/** What a CI job or a script that is traced gives to the programs that it starts. */
function inheritedContext({ TRACEPARENT, TRACESTATE }: Readonly<Record<string, string | undefined>>): Carrier {
  if (TRACEPARENT === undefined) return {};
  return { traceparent: TRACEPARENT, ...(TRACESTATE === undefined ? {} : { tracestate: TRACESTATE }) };
}

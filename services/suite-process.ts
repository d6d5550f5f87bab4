/**
 * One process of a suite: which services it runs is data. The only file that knows every service (their config tables
 * aside: `suite-config.ts`): it loads those that are asked for, gives them what they need, serves them on one port, and joins the controller.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { EndpointCatalog } from "../endpoints/catalog.ts";
import { ServiceKind } from "../gen/assay/common/v1/common_pb.js";
import type { Directory } from "../gen/assay/controller/v1/controller_pb.js";
import { type Command, type MemberEvent, RunService } from "../gen/assay/controller/v1/controller_service_pb.js";
import { allowedTargets } from "./common/allowed-targets.ts";
import { AssayError, messageOf } from "./common/errors.ts";
import { hostPort } from "./common/host-port.ts";
import { createLog, type Log } from "./common/log.ts";
import { createAddresses, serviceKinds } from "./common/member/addresses.ts";
import { createMember, type Member } from "./common/member/member.ts";
import { advertisedAddress, advertisedHost, hostOf, isWildcard, ownHost } from "./common/member/own-address.ts";
import { MeasuredSuiteClock } from "./common/member/suite-clock.ts";
import type { CommandOutcome, ServiceModule, ServiceName } from "./common/module.ts";
import type { Tracer } from "./common/observe/tracing.ts";
import type { Bootstrap } from "./common/parent.ts";
import { labelsOf } from "./common/process-config.ts";
import { readHostLimits } from "./common/read-host-limits.ts";
import { isLoopbackHost } from "./common/rpc/auth.ts";
import type { Channel } from "./common/rpc/channel.ts";
import { createRpcServer, type RpcServer } from "./common/rpc/server.ts";
import { watchPems } from "./common/rpc/tls-files.ts";
import { watchTokens } from "./common/rpc/tokens-file.ts";
import { within } from "./common/within.ts";
import { startObservability } from "./observability.ts";
import {
  endpointModuleOf,
  logFileOf,
  runsDirOf,
  type SuiteConfig,
  sourceLimitsOf,
  tlsEndsOf,
  tlsPathsOf,
  tokenOf,
} from "./suite-config.ts";
import { workerCommand } from "./worker-command.ts";

export interface SuiteProcessOptions {
  readonly services: readonly ServiceName[];
  readonly config: SuiteConfig;
  /** Set in a process that another one of the suite started. */
  readonly bootstrap: Bootstrap | undefined;
}

export interface SuiteProcess {
  /** Where it listens. */
  readonly address: string;
  readonly memberId: string;
  /** File with the token that clients need; undefined: none was written. */
  readonly tokenFile: string | undefined;
  /** Resolves when the controller asks this process to end; rejects when a controller refuses it, which it joined before. */
  readonly ended: Promise<void>;
  /** Ends it in order; resolves within a few seconds. */
  stop(): Promise<void>;
}

const joinTimeoutMs = 15_000;
const graceMs = 3_000;
const serverGraceMs = 1_000;
/** What the end of a process may take longer because of a collector, of which the last is for what the end itself told. */
const exportMs = 2_000;
const lastExportMs = 250;

/** Starts the process's services. Rejects, with everything stopped again, when one cannot start or the controller does not answer. */
export async function startSuiteProcess({ services, config, bootstrap }: SuiteProcessOptions): Promise<SuiteProcess> {
  const { process: common } = config;
  const controllerAddress = bootstrap?.controller ?? common.controller ?? undefined;
  checkReach({ services, config, bootstrap }, controllerAddress);
  const endpoints = await endpointsOf(services, config);
  const log = createProcessLog(services, config, bootstrap);
  const secret = tokenOf(config, bootstrap, services.includes("controller"));
  if (secret.token !== undefined) log.addSecret(secret.token);
  const tlsPaths = tlsPathsOf(config);
  const pems = tlsPaths === undefined ? undefined : watchPems(tlsPaths, { log });
  const tls = pems === undefined ? undefined : tlsEndsOf(pems, config);
  const tokens = common.tokensFile === null ? undefined : watchTokens(common.tokensFile, { log });
  const [observability] = await Promise.all([
    startObservability({
      services,
      hasPage: common.metrics,
      env: process.env,
      memberId: bootstrap?.memberId,
      isStarted: bootstrap !== undefined,
      log,
    }),
    loadServices(services),
  ]);
  const { tracer } = observability;
  let server: RpcServer | undefined;
  let address = "";
  const ownStreamsAt = (at: string) => (at === address ? server?.ownStreams : undefined);
  const addresses = createAddresses({ token: secret.token, tls: tls?.client, tracer, ownStreamsAt });
  const clock = new MeasuredSuiteClock();
  const ending = Promise.withResolvers<void>();
  // Whoever waits for the end may not be there yet.
  ending.promise.catch(() => {});
  const listening = Promise.withResolvers<string>();
  let member: Member | undefined;

  const report = (event: MemberEvent["event"], runId: string): void => member?.report(event, runId);
  const modules: ServiceModule[] = [];
  const letGo = async (): Promise<void> => {
    await stopAll(modules, server, member, log);
    addresses.close();
    pems?.close();
    tokens?.close();
  };
  try {
    const made = await Promise.allSettled(
      services.map((service) =>
        createModule(service, {
          log: log.child({ service }),
          config,
          bootstrap,
          endpoints,
          addresses,
          clock,
          report,
          memberId: () => member?.id ?? bootstrap?.memberId ?? "",
          usage: () => member?.usage(),
          channelTo: (to) => addresses.channel(to),
          controllerAddress: listening.promise,
          token: secret.token,
          tracer,
        }),
      ),
    );
    for (const one of made) if (one.status === "fulfilled") modules.push(one.value);
    for (const one of made) if (one.status === "rejected") throw one.reason;
    const signal = AbortSignal.timeout(joinTimeoutMs);
    const host = await ownHost({ host: common.host, controller: controllerAddress, signal });
    server = createRpcServer({
      services: modules.flatMap(({ implementations }) => implementations),
      listen: {
        host: common.host,
        port: common.port,
        // Whoever reads a page goes by the name that others are given.
        names: [common.advertise ?? host],
      },
      auth: common.insecure
        ? { insecure: true }
        : {
            tokens: secret.token === undefined ? {} : { [secret.token]: ["operator", "member"] },
            named: tokens?.current,
            failures: { perMinute: common.maxFailedAuthentications },
          },
      limits: {
        maxMessageBytes: common.maxMessageBytes,
        maxMetadataBytes: common.maxMetadataBytes,
        maxStreamsPerConnection: common.maxStreams,
        maxConnections: common.maxConnections,
      },
      log: log.child({ service: "rpc" }),
      tracer,
      pages: observability.pages(modules),
      ...(tls === undefined ? {} : { tls: tls.server() }),
    });
    const served = server;
    if (tls !== undefined) pems?.onChange(() => served.reloadTls(tls.server()));
    observability.observe({ modules, server });
    const { port } = await server.start();
    const own = hostPort(host, port);
    address = common.advertise === null ? own : advertisedAddress(common.advertise, port);
    // A certificate is for the name that others are given.
    const controller = controllerAddress ?? (tls !== undefined && isWildcard(common.host) ? address : own);
    listening.resolve(controller);
    member = createMember({
      services: services.map((service) => serviceKinds[service]),
      address,
      host: common.hostName,
      labels: { ...labelsOf(common.labels), ...observability.labels },
      tracer,
      cores: common.cores,
      limits: services.includes("worker-manager") ? readHostLimits() : undefined,
      clock,
      channel: addresses.channel(controller),
      log: log.child({ service: "member" }),
      ...(bootstrap?.memberId === undefined ? {} : { memberId: bootstrap.memberId }),
      listeners: { ...listenersOf(modules, addresses, log, ending), onUsage: observability.onUsage },
    });
    await member.join(joinTimeoutMs);
  } catch (error) {
    await letGo();
    await observability.stop(lastExportMs);
    await log.close();
    throw error;
  }
  log.info("joined the suite", { services: services.join(","), address, member: member.id });
  return {
    address,
    memberId: member.id,
    tokenFile: secret.file,
    ended: ending.promise,
    async stop() {
      const deadlineMs = performance.now() + exportMs;
      // A collector that takes its time takes it beside everything else.
      const flushed = observability.flush(exportMs);
      await letGo();
      await flushed;
      await observability.stop(Math.max(lastExportMs, deadlineMs - performance.now()));
      await log.close();
    },
  };
}

/** Throws `invalid_argument` where the process could not be reached as its config says, or would be by whoever likes. */
function checkReach(
  { services, config: { process: common }, bootstrap }: SuiteProcessOptions,
  controller: string | undefined,
): void {
  const isOpen = common.tlsCert === null && !common.insecure;
  if (!services.includes("controller") && controller === undefined) {
    throw new AssayError("invalid_argument", "--controller: needed where the controller is not among the services");
  }
  if (isOpen && !isLoopbackHost(common.host)) {
    throw new AssayError("invalid_argument", `--host ${common.host}: needs --tls-cert and --tls-key, or --insecure`);
  }
  if (isOpen && bootstrap === undefined && controller !== undefined && !isLoopbackHost(hostOf(controller))) {
    const needs = "needs --tls-cert, --tls-key and --tls-ca, or --insecure";
    throw new AssayError("invalid_argument", `--controller ${controller}: is another host: ${needs}`);
  }
  if (common.insecure && common.tokensFile !== null) {
    throw new AssayError("invalid_argument", "--tokens-file: has no effect together with --insecure, which asks for no token");
  }
  if (common.advertise !== null && isWildcard(hostOf(common.advertise))) {
    const must = "must be an address by which others reach this process";
    throw new AssayError("invalid_argument", `--advertise ${common.advertise}: ${must}`);
  }
}

/** What a module may need of its process. */
interface ModuleContext {
  readonly log: Log;
  readonly config: SuiteConfig;
  readonly bootstrap: Bootstrap | undefined;
  /** Undefined: the built-in ones. */
  readonly endpoints: EndpointCatalog | undefined;
  readonly addresses: ReturnType<typeof createAddresses>;
  readonly clock: MeasuredSuiteClock;
  readonly token: string | undefined;
  readonly tracer: Tracer;
  report(event: MemberEvent["event"], runId: string): void;
  memberId(): string;
  usage(): ReturnType<Member["usage"]>;
  channelTo(address: string): Channel;
  /** Known once this process listens, where it serves the controller itself. */
  readonly controllerAddress: Promise<string>;
}

const loaders = {
  controller: () => import("./controller/module.ts"),
  dataset: () => import("./dataset/module.ts"),
  timing: () => import("./timing/module.ts"),
  "worker-manager": () => import("./worker-manager/module.ts"),
  worker: () => import("./worker/module.ts"),
  "record-processor": () => import("./record-processor/module.ts"),
  "records-manager": () => import("./records-manager/module.ts"),
  telemetry: () => import("./telemetry/module.ts"),
} as const satisfies Record<ServiceName, () => Promise<unknown>>;

/** Loads services ahead of their start. */
export async function loadServices(services: readonly ServiceName[]): Promise<void> {
  await Promise.all(services.map((service) => loaders[service]()));
}

/** Loads a service and nothing of any other. */
async function createModule(service: ServiceName, context: ModuleContext): Promise<ServiceModule> {
  const { log, config, addresses, endpoints, clock, report, memberId } = context;
  const allowed = allowedTargets(config.process.allowTargets);
  switch (service) {
    case "controller": {
      const { createControllerModule } = await loaders.controller();
      const { artifactBase, maxQueued, maxRuns } = config.controller;
      return createControllerModule({
        log,
        addresses,
        endpoints,
        runsDir: runsDirOf(config),
        artifactBase: artifactBase ?? undefined,
        allowed,
        maxQueued,
        maxRuns,
        host: config.process.hostName,
        channelTo: context.channelTo,
        tracer: context.tracer,
      });
    }
    case "dataset": {
      const { createDatasetModule } = await loaders.dataset();
      const { keptDatasets, maxUploadBytes, maxUploads, uploadQuotaBytes } = config.dataset;
      const uploads = { maxBytes: maxUploadBytes, maxUploads, quotaBytes: uploadQuotaBytes };
      return createDatasetModule({ keptDatasets, limits: sourceLimitsOf(config.dataset), endpoints, uploads });
    }
    case "timing": {
      const { createTimingModule } = await loaders.timing();
      return createTimingModule({ log, clock, report });
    }
    case "worker-manager": {
      const { createWorkerManagerModule } = await loaders["worker-manager"]();
      return createWorkerManagerModule({
        id: memberId,
        host: config.process.hostName,
        clock,
        addresses,
        log,
        command: workerCommand(),
        prespawn: config["worker-manager"].prespawn,
        bootstrap: async () => ({
          token: context.token,
          controller: await context.controllerAddress,
          logFile: logFileOf(config, context.bootstrap) ?? null,
          logLevel: context.bootstrap?.logLevel ?? config.process.logLevel,
          config: {
            process: {
              ...config.process,
              port: 0,
              advertise: advertisedHost(config.process.advertise),
              endpointModule: endpointModuleOf(config) ?? null,
            },
            worker: config.worker,
          },
        }),
        allowed,
        maxWorkers: config["worker-manager"].maxWorkers,
        report,
      });
    }
    case "worker": {
      const { createWorkerModule } = await loaders.worker();
      return createWorkerModule({
        id: memberId,
        log,
        clock,
        addresses,
        endpoints,
        usage: context.usage,
        report,
        allowed,
        spillDir: config.worker.spillDir,
      });
    }
    case "record-processor": {
      const { createRecordProcessorModule } = await loaders["record-processor"]();
      return createRecordProcessorModule({ id: memberId, log, addresses, endpoints });
    }
    case "records-manager": {
      const { createRecordsManagerModule } = await loaders["records-manager"]();
      return createRecordsManagerModule({
        log,
        clock,
        addresses,
        endpoints,
        runsDir: runsDirOf(config),
        folderInCatalog: (runId) => folderInCatalog(runId, addresses),
        tracer: context.tracer,
        report,
      });
    }
    case "telemetry": {
      const { createTelemetryModule } = await loaders.telemetry();
      const { pageDeadlineMs, maxPageBytes } = config.telemetry;
      return createTelemetryModule({
        id: memberId,
        log,
        clock,
        addresses,
        pageLimits: { deadlineMs: pageDeadlineMs, maxBytes: maxPageBytes },
        allowed,
      });
    }
  }
}

const catalogTimeoutMs = 3_000;

/** The controller keeps the catalog: it is asked. Nothing in a catalog of another host's folders is found here. */
async function folderInCatalog(runId: string, addresses: ReturnType<typeof createAddresses>): Promise<string | undefined> {
  const channel = await addresses.channelTo("controller", AbortSignal.timeout(catalogTimeoutMs));
  const { createClient } = await import("./common/rpc/client.ts");
  try {
    const { run } = await createClient(RunService, channel).getRun({ runId }, { timeoutMs: catalogTimeoutMs });
    return run?.folder;
  } catch (error) {
    if (error instanceof AssayError && error.code === "not_found") return undefined;
    throw error;
  }
}

function listenersOf(
  modules: readonly ServiceModule[],
  addresses: ReturnType<typeof createAddresses>,
  log: Log,
  ending: PromiseWithResolvers<void>,
) {
  return {
    async onCommand(command: Command, signal: AbortSignal): Promise<CommandOutcome> {
      if (command.action.case === "shutdown") {
        log.info("the controller ends this process", { reason: command.action.value.reason });
        ending.resolve();
        return { case: undefined };
      }
      await keepRunLog(command, log);
      const what = command.action.case ?? "a command";
      const meant = modules.filter(
        ({ name }) => command.service === ServiceKind.UNSPECIFIED || command.service === serviceKinds[name],
      );
      const outcomes = await within(signal, Promise.all(meant.map((module) => module.onCommand?.(command, signal))), what);
      return outcomes.find((outcome) => outcome?.case !== undefined) ?? { case: undefined };
    },
    onDirectory(directory: Directory): void {
      addresses.update(directory);
      for (const module of modules) module.onDirectory?.(directory);
    },
    onSuiteChanged(): void {
      for (const module of modules) module.onSuiteChanged?.();
    },
    onRefused: (error: AssayError) => ending.reject(error),
    counters: () => Object.assign({}, ...modules.map((module) => module.counters?.() ?? {})) as Record<string, number>,
    timingProgress: () => modules.flatMap((module) => module.timingProgress?.() ?? []),
  };
}

/**
 * While a run goes on, this process logs into the run's folder, too, where that folder is on this host. Lines of all processes
 * meet in one file, each written whole.
 */
async function keepRunLog({ action, runId }: Command, log: Log): Promise<void> {
  const known = runLogs.get(runId);
  if (action.case === "configure" && known === undefined && existsSync(action.value.folder)) {
    const path = join(action.value.folder, "logs", "assay.log");
    runLogs.set(runId, path);
    log.addFile(path);
  }
  if (action.case === "finish" && known !== undefined) {
    runLogs.delete(runId);
    await log.removeFile(known);
  }
}

/** Log file by run. */
const runLogs = new Map<string, string>();

async function stopAll(
  modules: readonly ServiceModule[],
  server: RpcServer | undefined,
  member: Member | undefined,
  log: Log,
): Promise<void> {
  await Promise.all(
    modules.map((module) =>
      module
        .stop(graceMs)
        .catch((error: unknown) => log.error("a service did not stop", { service: module.name, error: messageOf(error) })),
    ),
  );
  await member?.leave();
  await server?.stop(serverGraceMs);
}

function createProcessLog(services: readonly ServiceName[], config: SuiteConfig, bootstrap: Bootstrap | undefined): Log {
  const file = logFileOf(config, bootstrap);
  return createLog({
    level: levelOf(bootstrap?.logLevel ?? config.process.logLevel),
    fields: { process: services.join("+"), pid: process.pid },
    // A started process's standard error is for what goes wrong before there is a log.
    stderr: bootstrap === undefined ? "auto" : "off",
    ...(file === undefined ? {} : { files: [file] }),
  });
}

function levelOf(text: string): "debug" | "info" | "warn" | "error" {
  return text === "debug" || text === "warn" || text === "error" ? text : "info";
}

/** Those that make bodies, read answers or refuse specs. */
const servicesWithEndpoints: ReadonlySet<ServiceName> = new Set(["controller", "worker", "record-processor", "records-manager"]);

async function endpointsOf(services: readonly ServiceName[], config: SuiteConfig): Promise<EndpointCatalog | undefined> {
  const path = endpointModuleOf(config);
  if (path === undefined || !services.some((service) => servicesWithEndpoints.has(service))) return undefined;
  const { loadEndpointModule } = await import("./common/endpoint-module.ts");
  return loadEndpointModule(path);
}

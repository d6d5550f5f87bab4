/** The controller as a module of its process. */
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import type { AllowedTargets } from "../common/allowed-targets.ts";
import type { Logger } from "../common/logger.ts";
import { type Addresses, serviceKinds } from "../common/member/addresses.ts";
import type { ServiceModule } from "../common/module.ts";
import { familiesOf } from "../common/observe/counting.ts";
import type { Readings } from "../common/observe/instrument.ts";
import type { Tracer } from "../common/observe/tracing.ts";
import type { Channel } from "../common/rpc/channel.ts";
import { controllerInstruments } from "./instruments.ts";
import { type MemberPatience, Members } from "./members.ts";
import type { RunTimeouts } from "./run-timeouts.ts";
import { Runs } from "./runs.ts";
import { createScrapeTargets, scrapeTargetsPath } from "./scrape-targets.ts";
import { createControllerServices } from "./service.ts";

export interface ControllerDeps {
  readonly log: Logger;
  readonly addresses: Addresses;
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  readonly runsDir: string;
  /** Where runs of a suite of one person's own go; undefined: below `runsDir`. */
  readonly artifactBase: string | undefined;
  /** Where runs may send to. Default: anywhere. */
  readonly allowed?: AllowedTargets | undefined;
  readonly maxQueued: number;
  /** Runs in the catalog at most; 0: no limit. */
  readonly maxRuns: number;
  /** Name of this host among the members'. Default: that of the system. */
  readonly host?: string;
  /** Default: `RUN_TIMEOUTS`. */
  readonly timeouts?: Partial<RunTimeouts>;
  /** Default: `MEMBER_PATIENCE`. */
  readonly patience?: MemberPatience;
  readonly tracer: Tracer;
  channelTo(address: string): Channel;
}

export function createControllerModule(deps: ControllerDeps): ServiceModule {
  const members = new Members(
    {
      onJoined: (entry) => runs.onJoined(entry),
      onEvent: (entry, event) => runs.onEvent(entry, event),
      onHeartbeat: (entry) => runs.onHeartbeat(entry),
      onLost: (entry, reason) => runs.onLost(entry, reason),
    },
    deps.log,
    deps.tracer,
    deps.patience,
  );
  const runs = openRuns(members, deps);
  return {
    name: "controller",
    implementations: createControllerServices(members, runs, deps.log),
    counters: () => ({ members: members.all().length, active_runs: runs.activeIds().length }),
    metricsPages: { [scrapeTargetsPath]: createScrapeTargets(() => members.all()) },
    families: () => familiesOf(controllerInstruments, readingsOf(members, runs)),
    async stop() {
      members.close();
      runs.close();
    },
  };
}

function openRuns(members: Members, deps: ControllerDeps): Runs {
  try {
    return new Runs({ members, ...deps });
  } catch (error) {
    members.close();
    throw error;
  }
}

const runStates = [
  RunState.CREATED,
  RunState.CONFIGURING,
  RunState.READY,
  RunState.RUNNING,
  RunState.DRAINING,
  RunState.PROCESSING,
  RunState.COMPLETED,
  RunState.FAILED,
  RunState.CANCELLED,
] as const;

function readingsOf(members: Members, runs: Runs): Readings<typeof controllerInstruments> {
  const { created, byState, ended } = runs.counts();
  const { missedHeartbeats, lostMembers } = members.counts;
  const ofState = (counts: ReadonlyMap<RunState, number>) => (state: RunState) => ({
    labels: { state: RunState[state].toLowerCase() },
    value: counts.get(state) ?? 0,
  });
  return {
    assay_controller_runs: runStates.map(ofState(byState)),
    assay_controller_created_runs_total: created,
    assay_controller_ended_runs_total: runStates.filter((state) => state >= RunState.COMPLETED).map(ofState(ended)),
    assay_controller_members: Object.entries(serviceKinds).map(([service, kind]) => ({
      labels: { service },
      value: members.serving(kind).length,
    })),
    assay_controller_lost_members_total: lostMembers,
    assay_controller_missed_heartbeats_total: missedHeartbeats,
    assay_controller_pending_commands: members.all().reduce((sum, { commands }) => sum + commands.size, 0),
  };
}

/** The controller as a module of its process. */
import type { Logger } from "../common/logger.ts";
import type { Addresses } from "../common/member/addresses.ts";
import type { ServiceModule } from "../common/module.ts";
import type { Channel } from "../common/rpc/channel.ts";
import { type MemberPatience, Members } from "./members.ts";
import type { RunTimeouts } from "./run-members.ts";
import { Runs } from "./runs.ts";
import { createControllerServices } from "./service.ts";

export interface ControllerDeps {
  readonly log: Logger;
  readonly addresses: Addresses;
  readonly runsDir: string;
  /** Where runs of a suite of one person's own go; undefined: below `runsDir`. */
  readonly artifactBase: string | undefined;
  readonly maxQueued: number;
  /** Default: `RUN_TIMEOUTS`. */
  readonly timeouts?: Partial<RunTimeouts>;
  /** Default: `MEMBER_PATIENCE`. */
  readonly patience?: MemberPatience;
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
    deps.patience,
  );
  const runs = openRuns(members, deps);
  return {
    name: "controller",
    implementations: createControllerServices(members, runs),
    counters: () => ({ members: members.all().length, active_runs: runs.activeIds().length }),
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

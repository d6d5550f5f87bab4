/** A process of so many members that join a controller and do nothing else, for `bench/hosts.ts`: `ADDRESS COUNT TOKEN`. Each has a connection of its own, its heartbeats and its clock. */
import { hostname } from "node:os";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { silentLogger } from "../../services/common/logger.ts";
import { createMember } from "../../services/common/member/member.ts";
import { MeasuredSuiteClock } from "../../services/common/member/suite-clock.ts";
import { createChannel } from "../../services/common/rpc/channel.ts";
import { serveParent } from "./side.ts";

const [address = "", count = "0", token = ""] = process.argv.slice(2);
const joinMs = 60_000;

const members = Array.from({ length: Number(count) }, (_, index) =>
  createMember({
    services: [ServiceKind.WORKER],
    address: "",
    memberId: `worker-${process.pid}-${index}`,
    host: hostname(),
    labels: {},
    channel: createChannel({ address, token }),
    log: silentLogger,
    cores: 1,
    clock: new MeasuredSuiteClock(),
    listeners: {
      onCommand: async () => ({ case: undefined }),
      onDirectory: () => {},
      onSuiteChanged: () => {},
      onRefused: (error) => {
        throw error;
      },
      counters: () => ({ in_flight: 0, held: 0, at_rest: 1, outbox_bytes: 0, connections: 0 }),
      timingProgress: () => [],
    },
  }),
);
let joined = 0;
await Promise.all(
  members.map(async (member) => {
    await member.join(joinMs);
    joined++;
  }),
);
serveParent(
  address,
  () => joined,
  () => {},
);

import type { Random } from "./clockwork.ts";

/** One phase of a simulated run. Times in ms. */
export interface PlannedPhase {
  readonly load:
    | "closed"
    | "open"
    | "ceiling_queue"
    | "ceiling_drop"
    | "schedule"
    | "schedule_ceiling"
    | "users"
    | "users_ceiling";
  readonly concurrency: number;
  /** Of a closed loop. */
  readonly unit: "session" | "request";
  readonly prefill: number | undefined;
  readonly ratePerSec: number;
  readonly requestCount: number | undefined;
  readonly sessionCount: number | undefined;
  readonly durationMs: number | undefined;
  readonly graceMs: number;
  /** Conversations have 1 to so many turns. */
  readonly maxTurns: number;
  readonly turnDelayMs: number;
  /** Conversations begin others. */
  readonly isBranching: boolean;
  readonly isSeamless: boolean;
}

/**
 * Something that goes wrong, or that a user does, at a time (ms). `worker` is an index into whoever is alive; `processor`, `shard` and `host`
 * are taken modulo how many there are. Timing's host is 0, and nothing happens to it as a whole.
 */
export type Fault =
  | {
      readonly kind: "cut";
      readonly atMs: number;
      readonly worker: number;
      readonly clientNoticeMs: number;
      readonly serverNoticeMs: number;
    }
  | {
      readonly kind: "hold";
      readonly atMs: number;
      readonly worker: number;
      readonly forMs: number;
      readonly direction: "to_server" | "to_client";
    }
  | {
      readonly kind: "partition";
      readonly atMs: number;
      readonly worker: number;
      readonly forMs: number;
      readonly isSilent: boolean;
    }
  | { readonly kind: "slow_dials"; readonly atMs: number; readonly worker: number; readonly forMs: number }
  | { readonly kind: "busy_worker"; readonly atMs: number; readonly worker: number; readonly forMs: number }
  | { readonly kind: "freeze_worker"; readonly atMs: number; readonly worker: number; readonly forMs: number }
  | { readonly kind: "stall_timing"; readonly atMs: number; readonly forMs: number }
  | { readonly kind: "kill_worker"; readonly atMs: number; readonly worker: number; readonly reapAfterMs: number }
  | { readonly kind: "join_worker"; readonly atMs: number }
  | { readonly kind: "hang_target"; readonly atMs: number; readonly forMs: number }
  | { readonly kind: "kill_processor"; readonly atMs: number; readonly forMs: number; readonly processor: number }
  | { readonly kind: "kill_manager"; readonly atMs: number; readonly forMs: number; readonly shard: number }
  | {
      readonly kind: "partition_host";
      readonly atMs: number;
      readonly forMs: number;
      readonly host: number;
      readonly isSilent: boolean;
    }
  | { readonly kind: "kill_host"; readonly atMs: number; readonly forMs: number; readonly host: number }
  | { readonly kind: "cut_records"; readonly atMs: number; readonly worker: number }
  | { readonly kind: "kill_timing"; readonly atMs: number }
  | { readonly kind: "set_concurrency"; readonly atMs: number; readonly concurrency: number }
  | { readonly kind: "set_rate"; readonly atMs: number; readonly ratePerSec: number }
  | { readonly kind: "pause"; readonly atMs: number; readonly forMs: number }
  | { readonly kind: "stop"; readonly atMs: number }
  | { readonly kind: "cancel"; readonly atMs: number };

/** Everything that a history follows from. */
export interface Plan {
  readonly seed: number;
  readonly workers: number;
  /** Workers, processors and managers are spread over them in turn. */
  readonly hosts: number;
  readonly processors: number;
  /** Records managers, each with the rows of its own credit ids. */
  readonly shards: number;
  /** Credit ids that stay together in one shard: fewer than in production, where a history would never leave the first block. */
  readonly shardBlock: number;
  readonly phases: readonly PlannedPhase[];
  readonly faults: readonly Fault[];
  readonly serviceMs: number;
  readonly networkMs: number;
  readonly targetMs: number;
  readonly requestTimeoutMs: number;
  /** Longest that a turn which the worker does not have yet takes to come. */
  readonly fetchMs: number;
  /** Chance that a request cannot be made at all, or leaves no usable history. */
  readonly failureRatio: number;
  /** Rate errors of the clocks: timing's, then the workers' in turn. */
  readonly clockRates: readonly number[];
}

export function randomPlan(seed: number, random: Random): Plan {
  return random() < 0.25 ? leasePlan(seed, random) : mixedPlan(seed, random);
}

/** Long requests and many of them on several workers, cut off for about as long as a lease: what the leases are for. */
function leasePlan(seed: number, random: Random): Plan {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const plan = mixedPlan(seed, random);
  const atMs = 100 + random() * 1_500;
  const worker = Math.floor(random() * 3);
  const forMs = pick([4_300, 5_500, 8_000]);
  const faults: Fault[] = [
    pick<Fault>([
      { kind: "partition", atMs, worker, forMs, isSilent: true },
      { kind: "partition", atMs, worker, forMs, isSilent: false },
      { kind: "hold", atMs, worker, forMs, direction: "to_server" },
      { kind: "hold", atMs, worker, forMs, direction: "to_client" },
      { kind: "slow_dials", atMs, worker, forMs },
      { kind: "freeze_worker", atMs, worker, forMs },
      { kind: "busy_worker", atMs, worker, forMs: pick([3_000, 4_300, 8_000, 12_000]) },
      { kind: "stall_timing", atMs, forMs },
    ]),
    ...plan.faults.slice(0, 2),
  ];
  if (random() < 0.5) faults.push({ kind: "hang_target", atMs: atMs - 50, forMs });
  const phase: PlannedPhase = {
    ...randomPhase(random),
    load: "closed",
    concurrency: pick([2, 3, 5]),
    prefill: undefined,
    requestCount: 40,
    sessionCount: undefined,
    durationMs: pick([undefined, 9_000]),
  };
  faults.sort((a, b) => a.atMs - b.atMs);
  return { ...plan, workers: 2 + Math.floor(random() * 2), phases: [phase], faults, serviceMs: 1_000, requestTimeoutMs: 20_000 };
}

function mixedPlan(seed: number, random: Random): Plan {
  const upTo = (n: number) => Math.floor(random() * n);
  const pick = <Item>(items: readonly Item[]): Item => items[upTo(items.length)] as Item;
  const rho = 0.001;
  const hosts = pick([1, 1, 2, 3]);
  const phaseCount = 1 + (random() < 0.35 ? 1 : 0);
  const phases = Array.from({ length: phaseCount }, () => randomPhase(random));
  const faultCount = random() < 0.1 ? 0 : 1 + upTo(4);
  const spanMs = pick([200, 1_000, 5_000]);
  const faults: Fault[] = [];
  for (let i = 0; i < faultCount; i++) {
    // Faults that meet find more: every second one follows closely on the one before, or on its end.
    const before = faults[i - 1];
    const isClose = before !== undefined && random() < 0.5;
    const endMs = before !== undefined && "forMs" in before && random() < 0.5 ? before.forMs : 0;
    const atMs = isClose ? before.atMs + endMs + random() * 60 : 40 + random() * spanMs;
    faults.push(hosts > 1 && random() < 0.3 ? hostFault(random, atMs) : randomFault(random, atMs));
  }
  faults.sort((a, b) => a.atMs - b.atMs);
  return {
    seed,
    workers: 1 + upTo(3),
    hosts,
    processors: hosts > 1 ? 1 + upTo(3) : pick([1, 1, 2]),
    shards: hosts > 1 ? 1 + upTo(3) : pick([1, 1, 2]),
    phases,
    faults,
    serviceMs: pick([5, 40, 250, 1_000]),
    networkMs: pick([0.2, 2, 15]),
    targetMs: pick([0.1, 1, 10]),
    requestTimeoutMs: pick([3_000, 20_000]),
    fetchMs: pick([1, 200, 6_000]),
    failureRatio: pick([0, 0, 0.1]),
    clockRates: Array.from({ length: 4 }, () => pick([-rho, 0, rho])),
    shardBlock: pick([1, 4, 16]),
  };
}

const timetables = ["schedule", "schedule_ceiling", "users", "users_ceiling"] as const;

/** The dataset's own times. */
export function isSchedule(load: PlannedPhase["load"]): boolean {
  return load === "schedule" || load === "schedule_ceiling";
}

export function isTimetable({ load }: Pick<PlannedPhase, "load">): boolean {
  return timetables.some((timetable) => timetable === load);
}

/** Arrivals by a rate that can be changed. */
export function hasRate(load: PlannedPhase["load"] | undefined): boolean {
  return load === "open" || load === "ceiling_queue" || load === "ceiling_drop";
}

/** Requests at once are bounded. */
export function isBounded(load: PlannedPhase["load"]): boolean {
  return load !== "open" && load !== "schedule" && load !== "users";
}

/** And so the target sees no more; trees of sessions do not bound it. */
export function isBoundedAtTarget({ load, isBranching, unit }: PlannedPhase): boolean {
  return isBounded(load) && !(isBranching && unit === "session");
}

function randomPhase(random: Random): PlannedPhase {
  const upTo = (n: number) => Math.floor(random() * n);
  const pick = <Item>(items: readonly Item[]): Item => items[upTo(items.length)] as Item;
  const load = pick(["closed", "closed", "closed", "open", "ceiling_queue", "ceiling_drop", ...timetables] as const);
  // A schedule has its own end; a count of requests that it does not have cannot be reached.
  const stop = isSchedule(load)
    ? pick(["none", "none", "sessions", "duration"] as const)
    : pick(["count", "count", "sessions", "duration", "both"] as const);
  const maxTurns = random() < 0.4 ? 2 + upTo(3) : 1;
  return {
    load,
    concurrency: pick([1, 1, 2, 3, 5]),
    unit: random() < 0.3 ? "request" : "session",
    prefill: isBounded(load) && random() < 0.15 ? 1 + upTo(2) : undefined,
    ratePerSec: pick([5, 20, 60]),
    requestCount: stop === "count" || stop === "both" ? pick([1, 3, 10, 30]) : undefined,
    sessionCount: stop === "sessions" ? pick([1, 3, 10]) : undefined,
    durationMs: stop === "duration" || stop === "both" ? pick([200, 1_000, 5_000]) : undefined,
    graceMs: pick([0, 300, 4_000]),
    maxTurns,
    turnDelayMs: pick([0, 0, 30]),
    isBranching: random() < 0.3,
    isSeamless: random() < 0.5,
  };
}

function hostFault(random: Random, atMs: number): Fault {
  const host = Math.floor(random() * 3);
  const forMs = [30, 300, 1_500, 4_300, 5_500, 8_000, 20_000][Math.floor(random() * 7)] as number;
  return random() < 0.7
    ? { kind: "partition_host", atMs, forMs, host, isSilent: random() < 0.5 }
    : { kind: "kill_host", atMs, forMs, host };
}

function randomFault(random: Random, atMs: number): Fault {
  const upTo = (n: number) => Math.floor(random() * n);
  const pick = <Item>(items: readonly Item[]): Item => items[upTo(items.length)] as Item;
  const worker = upTo(3);
  const forMs = pick([30, 300, 1_500, 4_300, 5_500, 8_000]);
  const kind = pick([
    "cut",
    "cut",
    "cut",
    "hold",
    "hold",
    "partition",
    "partition",
    "slow_dials",
    "freeze_worker",
    "freeze_worker",
    "busy_worker",
    "stall_timing",
    "kill_worker",
    "kill_worker",
    "join_worker",
    "hang_target",
    "kill_processor",
    "kill_manager",
    "cut_records",
    "kill_timing",
    "set_concurrency",
    "set_rate",
    "pause",
    "stop",
    "cancel",
  ] as const);
  switch (kind) {
    case "cut":
      return {
        kind,
        atMs,
        worker,
        clientNoticeMs: pick([1, 40, Number.POSITIVE_INFINITY]),
        serverNoticeMs: pick([1, 40, Number.POSITIVE_INFINITY]),
      };
    case "hold":
      return { kind, atMs, worker, forMs, direction: pick(["to_server", "to_client"] as const) };
    case "partition":
      return { kind, atMs, worker, forMs, isSilent: random() < 0.5 };
    case "slow_dials":
    case "freeze_worker":
    case "busy_worker":
      return { kind, atMs, worker, forMs };
    case "kill_worker":
      return { kind, atMs, worker, reapAfterMs: pick([1, 100, 9_000]) };
    case "kill_processor":
      return { kind, atMs, forMs, processor: worker };
    case "kill_manager":
      return { kind, atMs, forMs, shard: worker };
    case "cut_records":
      return { kind, atMs, worker };
    case "set_concurrency":
      return { kind, atMs, concurrency: pick([1, 2, 4]) };
    case "set_rate":
      return { kind, atMs, ratePerSec: pick([2, 10, 80]) };
    case "join_worker":
    case "kill_timing":
    case "stop":
    case "cancel":
      return { kind, atMs };
    default:
      return { kind, atMs, forMs };
  }
}

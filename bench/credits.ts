/**
 * Credits through one timing service in a process of its own: `node bench/credits.ts [seconds per row]`. A closed loop of 64 slots a worker; the workers,
 * all in this process, speak the real protocol over real connections, and a request is over in the next turn of the event loop.
 * What the service can do is credits a second of its CPU time; on few cores the workers keep it from more.
 */
import { setTimeout as delay } from "node:timers/promises";
import { TimingService } from "../gen/assay/timing/v1/timing_service_pb.js";
import { workerCreditsCodecs } from "../services/common/credit-codec.ts";
import type { Credit } from "../services/common/credits.ts";
import { silentLogger } from "../services/common/logger.ts";
import { MeasuredSuiteClock } from "../services/common/member/suite-clock.ts";
import { createChannel } from "../services/common/rpc/channel.ts";
import { createClient } from "../services/common/rpc/client.ts";
import { CreditClient } from "../services/worker/credit-client.ts";
import { startTimerPacing } from "../services/worker/pacing-alarms.ts";
import { machineLine } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { Side } from "./support/side.ts";

const seconds = Number(process.argv[2] ?? 4);
const slotsPerWorker = 64;
const workerCounts = [1, 4, 16];
const perCpuSecBar = 60_000;
/** What the cost of a credit may differ by. */
const constancy = 1.15;

/** A worker whose requests take no time. */
class Player {
  private readonly channel;
  private readonly client: CreditClient;
  private fired: number[] = [];

  constructor(address: string, workerId: string) {
    const clock = new MeasuredSuiteClock();
    clock.share();
    this.channel = createChannel({ address });
    const { channel } = this;
    this.client = new CreditClient({
      startAlarm: startTimerPacing,
      runId: "run",
      workerId,
      clock,
      log: silentLogger,
      dial: () => createClient(TimingService, channel, workerCreditsCodecs).credits(),
      onHeld: () => {},
      fire: (credit) => this.fire(credit),
      cancelInFlight: () => {},
      onOverrun: () => {},
    });
  }

  close(): void {
    this.client.close();
    this.channel.close();
  }

  private fire({ id }: Credit): void {
    if (this.fired.push(id) === 1) setImmediate(() => this.end());
  }

  private end(): void {
    const fired = this.fired;
    this.fired = [];
    for (const creditId of fired) this.client.ended(creditId, { sessionOver: true });
  }
}

process.stdout.write(machineLine());
const figures: Figure[] = [];
let costOfOne: number | undefined;
for (const workers of workerCounts) {
  const { perSec, cpuUs } = await measured(workers);
  const what = `${workers} worker${workers > 1 ? "s" : ""}`;
  figures.push(
    { figure: `${what}: credits`, measured: perSec, unit: "/s" },
    {
      figure: `${what}: credits a CPU second of timing`,
      measured: 1e6 / cpuUs,
      unit: "",
      bar: { of: "figure", atLeast: perCpuSecBar },
    },
    {
      figure: `${what}: timing's CPU a credit`,
      measured: cpuUs,
      unit: "µs",
      ...(costOfOne === undefined
        ? {}
        : { beside: { what: "1 worker", value: costOfOne }, bar: { of: "ratio", atMost: constancy } as const }),
    },
  );
  costOfOne ??= cpuUs;
}
reportFigures("credits", figures);

async function measured(workers: number): Promise<{ perSec: number; cpuUs: number }> {
  const timing = await Side.start("timing-side", String(workers * slotsPerWorker));
  const players = Array.from({ length: workers }, (_, index) => new Player(timing.address, `worker-${index}`));
  await delay(Math.min(2, seconds) * 1000); // to temperature
  const before = await timing.used();
  const startMs = performance.now();
  await delay(seconds * 1000);
  const after = await timing.used();
  const sec = (performance.now() - startMs) / 1000;
  for (const player of players) player.close();
  await timing.stop();
  const credits = after.count - before.count;
  return { perSec: credits / sec, cpuUs: (after.cpuUs - before.cpuUs) / credits };
}

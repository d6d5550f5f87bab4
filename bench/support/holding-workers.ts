/** Workers that speak the protocol of credits over real connections, hold every credit that they are given, and end as many a second as they are told. */
import { TimingService } from "../../gen/assay/timing/v1/timing_service_pb.js";
import { workerCreditsCodecs } from "../../services/common/credit-codec.ts";
import { silentLogger } from "../../services/common/logger.ts";
import { MeasuredSuiteClock } from "../../services/common/member/suite-clock.ts";
import { createChannel } from "../../services/common/rpc/channel.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import { CreditClient } from "../../services/worker/credit-client.ts";
import { startTimerPacing } from "../../services/worker/pacing-alarms.ts";

const stepMs = 20;

export class HoldingWorkers {
  /** Credits that are held. */
  held = 0;
  readonly #clients: readonly CreditClient[];
  readonly #channels: readonly ReturnType<typeof createChannel>[];
  /** In the order in which they were given, with whose they are. */
  readonly #open: { readonly client: number; readonly id: number }[] = [];
  #from = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(address: string, count: number) {
    this.#channels = Array.from({ length: count }, () => createChannel({ address }));
    this.#clients = this.#channels.map((channel, client) => {
      const clock = new MeasuredSuiteClock();
      clock.share();
      return new CreditClient({
        startAlarm: startTimerPacing,
        runId: "run",
        workerId: `worker-${client}`,
        clock,
        log: silentLogger,
        dial: () => createClient(TimingService, channel, workerCreditsCodecs).credits(),
        onHeld: () => {},
        fire: ({ id }) => {
          this.held++;
          this.#open.push({ client, id });
        },
        cancelInFlight: () => {},
        onOverrun: () => {},
      });
    });
  }

  /** From now on the oldest end, so many a second of all together. */
  endPerSec(rate: number): void {
    const startMs = performance.now();
    const from = this.#from;
    this.#timer = setInterval(() => {
      const due = from + (rate * (performance.now() - startMs)) / 1000;
      for (; this.#from < Math.min(due, this.#open.length); this.#from++) {
        const oldest = this.#open[this.#from];
        if (oldest === undefined) return;
        this.held--;
        this.#clients[oldest.client]?.ended(oldest.id, { sessionOver: true });
      }
    }, stepMs);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.close();
    for (const channel of this.#channels) channel.close();
  }
}

/** Has what is sampled beside a run shown while it goes on. */
import { type LiveLoad, LiveSamples } from "./live-samples.ts";
import type { SuiteClient } from "./suite-client.ts";

/**
 * Resolves when the collection ends or the signal aborts. To be called when a phase runs: what is to be sampled is known then. The figures only
 * decorate a line: where nothing is sampled nothing is shown.
 */
export async function watchLoad(
  client: Pick<SuiteClient, "watchSamples">,
  runId: string,
  signal: AbortSignal,
  show: (load: LiveLoad) => void,
): Promise<void> {
  const live = new LiveSamples();
  try {
    for await (const samples of client.watchSamples(runId, signal)) {
      live.take(samples);
      show(live.load());
    }
  } catch {
    // Nothing is sampled for this run, or not any more.
  }
  show({ powerW: undefined, gpuPercent: undefined, waiting: undefined });
}

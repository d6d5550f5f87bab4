/** How many connections a worker opens before the first phase. Pure. */
import {
  ConnectionReuse,
  type PhaseSpec,
  type TargetSpec,
  type TargetUrl,
  UrlStrategy,
} from "../../../gen/assay/common/v1/run_spec_pb.js";

/** What a load needs beyond is opened when it does. */
const mostOfWorker = 20_000;
/** Of a load by rate, whose requests at once nobody knows beforehand: as many as there are with answers of a quarter second. */
const assumedAnswerSec = 0.25;
const mostByRate = 64;

/**
 * By target: this worker's share of the largest load, split as the strategy splits it. None where connections are not kept.
 * @param most that this worker may open at all; Infinity: not known
 */
export function connectionsAhead(target: TargetSpec, phases: readonly PhaseSpec[], workers: number, most: number): number[] {
  const { urls, urlStrategy, connectionReuse } = target;
  if (connectionReuse === ConnectionReuse.NEVER) return urls.map(() => 0);
  const largest = Math.max(1, ...phases.map((phase) => atOnce(phase)));
  const share = Math.min(mostOfWorker, most, Math.ceil(largest / Math.max(1, workers)));
  const weights = urls.map(({ weight = 1 }: TargetUrl) => (urlStrategy === UrlStrategy.WEIGHTED ? weight : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => Math.ceil((share * weight) / total));
}

function atOnce({ load }: PhaseSpec): number {
  switch (load.case) {
    case "concurrency":
      return load.value.limit;
    case "rate": {
      const { ratePerSec, concurrencyCeiling = Number.POSITIVE_INFINITY } = load.value;
      return Math.min(mostByRate, concurrencyCeiling, Math.ceil(ratePerSec * assumedAnswerSec));
    }
    default:
      return 1;
  }
}

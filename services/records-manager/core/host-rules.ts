/**
 * Which of several load hosts is slower than the others, by what was measured there. It says nothing of the client as a whole (`verdict.ts` does):
 * a host may be behind a slower network, or have less of a processor than it says. Pure.
 */
import type { WorkloadNote } from "./notes.ts";
import { valuesAtRanks } from "./ranks.ts";
import type { Spans } from "./send-log.ts";
import { SUSPECT_LOOP_UTILISATION } from "./verdict.ts";

/** A median, and between what the true one lies with 99.9 % confidence. In ms. */
export interface MedianRange {
  readonly count: number;
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What is compared. Undefined: it was not measured, or there is none. */
export interface HostEvidence {
  readonly name: string;
  /** Of the request latency of what succeeded. */
  readonly latency: MedianRange | undefined;
  readonly lateness: Pick<Spans, "count" | "p50Ns" | "p99Ns"> | undefined;
  readonly loopUtilisationMax: number | undefined;
}

/** Fewer requests of a host than this are compared with nothing. */
export const MIN_HOST_SAMPLES = 100;
/** Latencies that are apart by less are apart for nobody's use, however sure that is. */
const MAX_LATENCY_GAP = 0.1;
/** Sends that are late by less than this at p99 are as good as on time, */
const MIN_LATE_NS = 2e6;
/** and from so many times the others' p99 on it is the host. */
const MAX_LATENESS_RATIO = 3;
/** A loop that is busy needs no other host to blame where the others' are nearly as busy. */
const MAX_BUSY_RATIO = 1.5;
/** Quantile of the normal distribution for 99.9 %, both sides. */
const Z = 3.29;

/**
 * The range by order statistics (the ranks n/2 ± z √n/2 of the values in order), which holds for any distribution. Undefined below
 * `MIN_HOST_SAMPLES` values. Reorders `values`.
 */
export function medianRange(values: Float64Array): MedianRange | undefined {
  const count = values.length;
  if (count < MIN_HOST_SAMPLES) return undefined;
  const half = (Z * Math.sqrt(count)) / 2;
  const ranks = [Math.floor((count - 1) / 2 - half), Math.floor((count - 1) / 2), Math.ceil((count - 1) / 2 + half)];
  const [low = 0, middle = 0, high = 0] = ranks;
  const found = valuesAtRanks(values, [...new Set(ranks)]);
  return { count, median: found.get(middle) ?? 0, low: found.get(low) ?? 0, high: found.get(high) ?? 0 };
}

/** A note for each host that is behind; nothing where there is one host. */
export function slowHostNotes(hosts: readonly HostEvidence[]): WorkloadNote[] {
  return hosts.flatMap((host) => {
    const others = hosts.filter((other) => other !== host);
    const reasons = [busyReason(host, others), lateReason(host, others), latencyReason(host, others)];
    const said = reasons.filter((reason) => reason !== undefined);
    if (said.length === 0) return [];
    return [
      { code: "slow_host" as const, tag: undefined, message: `host ${host.name} is behind the others: ${said.join("; ")}` },
    ];
  });
}

function busyReason({ loopUtilisationMax: own }: HostEvidence, others: readonly HostEvidence[]): string | undefined {
  const usual = typical(others.map((other) => other.loopUtilisationMax));
  if (own === undefined || usual === undefined) return undefined;
  if (own <= SUSPECT_LOOP_UTILISATION || own < MAX_BUSY_RATIO * usual) return undefined;
  return `a worker there is ${percent(own)} busy, elsewhere ${percent(usual)}`;
}

function lateReason({ lateness: own }: HostEvidence, others: readonly HostEvidence[]): string | undefined {
  const usual = typical(others.map(({ lateness }) => (isEnough(lateness) ? lateness.p99Ns : undefined)));
  if (!isEnough(own) || usual === undefined) return undefined;
  if (own.p99Ns <= MIN_LATE_NS || own.p99Ns <= MAX_LATENESS_RATIO * usual) return undefined;
  return `it sends late by ${ms(own.p99Ns / 1e6)} (p99), elsewhere ${ms(usual / 1e6)}`;
}

/** Its range lies above that of the host whose median is the lower middle one of the others. */
function latencyReason({ latency: own }: HostEvidence, others: readonly HostEvidence[]): string | undefined {
  const known = others.map(({ latency }) => latency).filter((latency) => latency !== undefined);
  const usual = typical(known.map(({ median }) => median));
  const reference = known.find(({ median }) => median === usual);
  if (own === undefined || reference === undefined || own.low <= (1 + MAX_LATENCY_GAP) * reference.high) return undefined;
  return `its median request latency is ${ms(own.median)}, elsewhere ${ms(reference.median)}`;
}

function isEnough(spans: HostEvidence["lateness"]): spans is NonNullable<HostEvidence["lateness"]> {
  return spans !== undefined && spans.count >= MIN_HOST_SAMPLES;
}

/** The lower middle one of those that are known. */
function typical(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined).sort((one, other) => one - other);
  return known[Math.floor((known.length - 1) / 2)];
}

function ms(value: number): string {
  return `${value.toPrecision(3)} ms`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

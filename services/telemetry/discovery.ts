/** What a source has to say, by asking it once, or for a while. */
import { setTimeout as delay } from "node:timers/promises";
import { monotonicNs } from "../common/clock.ts";
import { commonMeaning } from "../common/vocabulary/vocabulary.ts";
import type { SeriesFacts, SourceReading } from "./core/sources/series.ts";
import type { Source } from "./sources/source.ts";

/** All series of one name. */
export interface SourceField extends Pick<SeriesFacts, "name" | "unit" | "type" | "help"> {
  /** Its name in the common vocabulary of servers; empty: none. */
  readonly commonName: string;
  readonly series: number;
}

export interface DiscoveredSource {
  readonly name: string;
  /** Empty: it said nothing that can be read. */
  readonly kind: SourceReading["kind"] | "";
  readonly isPresent: boolean;
  readonly reason: string | undefined;
  /** UUIDs of GPUs, with instances, in the order in which they first appear. */
  readonly subjects: readonly string[];
  readonly fields: readonly SourceField[];
  readonly sizeBytes: number;
  /** What the first answer took. */
  readonly scrapeNs: number;
  /** How long the values had been what they are at the last look; undefined: nothing says it. */
  readonly ageNs: number | undefined;
  /** They were that old at least: they have not changed all the while. */
  readonly isAgeAtLeast: boolean;
}

export interface DiscoveryOptions {
  /** The source is asked again for so long, until its values have changed. */
  readonly watchMs: number;
  /** Wall time, which times on a page are in. */
  readonly wallMs: () => number;
  readonly signal: AbortSignal;
}

/** Between two looks. */
const lookMs = 100;

/** Never rejects. A source that is not there is no error. */
export async function discoverSource(source: Source, options: DiscoveryOptions): Promise<DiscoveredSource> {
  const startNs = monotonicNs();
  const answer = await source.read(options.signal);
  const scrapeNs = monotonicNs() - startNs;
  const asked = { name: source.name, scrapeNs };
  if (answer.kind !== "reading") {
    const nothing = { kind: "", subjects: [], fields: [], sizeBytes: 0, ageNs: undefined, isAgeAtLeast: false } as const;
    return { ...asked, ...nothing, isPresent: false, reason: answer.reason };
  }
  const { kind, timestampMs } = answer.reading;
  const { ageNs, isAgeAtLeast } =
    timestampMs === undefined
      ? await watchedAge(source, startNs, options)
      : { ageNs: Math.max(0, (options.wallMs() - timestampMs) * 1e6), isAgeAtLeast: false };
  const subjects = [...new Set(source.series.map(({ subject }) => subject).filter((subject) => subject !== ""))];
  const fields = fieldsOf(source.series);
  const { sizeBytes } = answer;
  return { ...asked, kind, isPresent: true, reason: undefined, subjects, fields, sizeBytes, ageNs, isAgeAtLeast };
}

/** Where a page gives no times: its values are as old as the looks that showed the same. */
async function watchedAge(source: Source, startNs: number, { watchMs, signal }: DiscoveryOptions) {
  const untilNs = startNs + watchMs * 1e6;
  let unchangedNs = 0;
  // At least once, where the first answer took all the time.
  while (watchMs > 0 && (unchangedNs === 0 || monotonicNs() < untilNs) && !signal.aborted) {
    await delay(lookMs, undefined, { signal }).catch(() => undefined);
    const lookNs = monotonicNs();
    const answer = await source.read(signal);
    if (answer.kind !== "reading") break;
    if (answer.reading.isChanged) return { ageNs: lookMs * 1e6, isAgeAtLeast: false };
    unchangedNs = lookNs - startNs;
  }
  return unchangedNs === 0 ? { ageNs: undefined, isAgeAtLeast: false } : { ageNs: unchangedNs, isAgeAtLeast: true };
}

function fieldsOf(series: readonly SeriesFacts[]): SourceField[] {
  const fields = new Map<string, { -readonly [K in keyof SourceField]: SourceField[K] }>();
  for (const facts of series) {
    // The parts of a histogram are one field.
    const name = facts.type === "histogram" || facts.type === "summary" ? facts.family : facts.name;
    const known = fields.get(name);
    if (known === undefined) {
      const { unit, type, help } = facts;
      const commonName = facts.kind === "server" ? (commonMeaning(facts)?.name ?? "") : "";
      fields.set(name, { name, unit, type, help, commonName, series: 1 });
    } else {
      known.series++;
      if (known.commonName === "" && facts.kind === "server") known.commonName = commonMeaning(facts)?.name ?? "";
    }
  }
  return [...fields.values()];
}

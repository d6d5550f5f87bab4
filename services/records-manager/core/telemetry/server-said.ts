/** What servers' pages say of a phase in common words, beside what the client saw of the same. Pure. */
import { type CommonMeaning, type CommonName, commonSeries, type NamedFacts } from "../../../common/vocabulary/vocabulary.ts";
import type { WorkloadNote } from "../notes.ts";
import type { CounterFigures } from "./counter.ts";
import type { MetricFigures } from "./metric-figures.ts";

/** One series of a page over the phase. */
export interface SaidSeries extends NamedFacts {
  /** URL of the page. */
  readonly source: string;
  readonly figures: MetricFigures;
}

/** One thing that servers say, all pages taken together. */
export interface SaidFigure {
  readonly name: CommonName;
  /** `requests`, `tokens`, `ms`, a `ratio`, or a plain `count`. */
  readonly unit: string;
  /** What was counted over the phase, the mean of times, or the mean of levels over the scrapes. */
  readonly server: number;
  /** Of levels the greatest that was scraped; of several series the sum of each one's. */
  readonly max: number | undefined;
  /** The same as the client saw it; undefined: it sees nothing of the kind, or a server was set back and has not counted all. */
  readonly client: number | undefined;
}

/** What the client saw; undefined where it has no such figure. */
export type SeenFigures = Readonly<Partial<Record<CommonName, number | undefined>>>;

/** In the order of a table. */
const units: Readonly<Partial<Record<CommonName, string>>> = {
  requests_succeeded: "requests",
  requests_failed: "requests",
  prompt_tokens: "tokens",
  generation_tokens: "tokens",
  ttft: "ms",
  itl: "ms",
  e2e: "ms",
  queue: "ms",
  running: "requests",
  waiting: "requests",
  kv_cache_usage: "ratio",
  prefix_cache_queries: "tokens",
  prefix_cache_hits: "tokens",
  preemptions: "count",
};

/** What there is to say of `units`, in their order. */
export function saidFigures(series: readonly SaidSeries[], seen: SeenFigures): SaidFigure[] {
  const pages = [...Map.groupBy(series, ({ source }) => source).values()].map((own) => commonSeries(own));
  return Object.entries(units).flatMap(([key, unit]): SaidFigure[] => {
    const name = key as CommonName;
    const values = pages.flatMap((page) => {
      const found = page.get(name);
      return found === undefined ? [] : (pageValue(found.meaning, found.series, page.get("requests_succeeded")?.series) ?? []);
    });
    const server = together(values, name);
    if (server === undefined) return [];
    const levels = values.flatMap(({ max }) => max ?? []);
    const max = levels.length === 0 ? undefined : sumOf(levels) / (isShare(name) ? levels.length : 1);
    const isWhole = values.every((value) => value.isWhole);
    return [{ name, unit, server: unit === "ms" ? 1000 * server : server, max, client: isWhole ? seen[name] : undefined }];
  });
}

/** Of one page. */
interface PageValue {
  readonly amount: number;
  /** The amount is the sum of so many observations; undefined: it is no sum. */
  readonly weight?: number;
  /** Of levels. */
  readonly max?: number;
  /** Nothing of it was set back meanwhile. */
  readonly isWhole: boolean;
}

/** Undefined: no page says it, or it is a mean of no observations. */
function together(values: readonly PageValue[], name: CommonName): number | undefined {
  if (values.length === 0) return undefined;
  const amount = sumOf(values.map((value) => value.amount));
  if (values.every(({ weight }) => weight === undefined)) return isShare(name) ? amount / values.length : amount;
  const weight = sumOf(values.map((value) => value.weight ?? 0));
  return weight === 0 ? undefined : amount / weight;
}

/** Undefined: the series are of a type that does not say it. @param requests what the page counts of requests that succeeded */
function pageValue(
  { name, of, scale }: CommonMeaning,
  series: readonly SaidSeries[],
  requests: readonly SaidSeries[] = [],
): PageValue | undefined {
  const observed = series.flatMap(({ figures }) =>
    figures.is === "histogram" || figures.is === "summary" ? [figures.histogram] : [],
  );
  const counters = countersOf(series);
  const gauges = series.flatMap(({ figures }) => (figures.is === "gauge" ? [figures.statistics] : []));
  const isWhole = [...observed, ...counters].every(({ resets }) => resets === 0);
  if (observed.length > 0) {
    const weight = sumOf(observed.map(({ count }) => count));
    return { amount: scale * sumOf(observed.map(({ sum }) => sum)), weight, isWhole };
  }
  if (counters.length > 0) {
    const amount = scale * sumOf(counters.map(({ total }) => total));
    return of === "each"
      ? { amount, isWhole }
      : { amount, weight: sumOf(countersOf(requests).map(({ total }) => total)), isWhole };
  }
  if (gauges.length === 0) return undefined;
  // Levels of several engines add up, shares of what each has do not.
  const parts = isShare(name) ? gauges.length : 1;
  const mean = (values: readonly number[]): number => (scale * sumOf(values)) / parts;
  return { amount: mean(gauges.map(({ avg }) => avg)), max: mean(gauges.map(({ max }) => max)), isWhole };
}

function countersOf(series: readonly SaidSeries[]): CounterFigures[] {
  return series.flatMap(({ figures }) => (figures.is === "counter" ? [figures.counter] : []));
}

function isShare(name: CommonName): boolean {
  return units[name] === "ratio";
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Counts may be apart by so much, since a scrape is not at the very moment of a phase's border. */
const COUNTS_APART = { share: 0.05, requests: 10 };

/** Where pages count other numbers of requests than came here; undefined: they do not, or do not count them. */
export function saidNote(figures: readonly SaidFigure[]): WorkloadNote | undefined {
  const requests = figures.find(({ name }) => name === "requests_succeeded");
  if (requests?.client === undefined) return undefined;
  const { server, client } = requests;
  const apart = server - client;
  if (Math.abs(apart) <= Math.max(COUNTS_APART.requests, COUNTS_APART.share * client)) return undefined;
  const why = apart > 0 ? "others use it, too" : "others answer, too, or its page is of something else";
  return {
    code: "server_counts",
    tag: undefined,
    message: `the server's page counts ${Math.round(server)} requests that succeeded, and ${client} did here: ${why}`,
  };
}

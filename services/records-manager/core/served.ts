/** What servers say that their models did over a phase, and whether that is what was sent there. Pure. */
import type { WorkloadNote } from "./notes.ts";
import type { PhaseCounts } from "./rows.ts";

/** What a server counts of a model's requests; the proto's `ServedModel` says what each is. */
export const SERVED_TIMES = [
  "success",
  "fail",
  "queue",
  "compute_input",
  "compute_infer",
  "compute_output",
  "cache_hit",
  "cache_miss",
  "first_response",
] as const;
export type ServedTimeName = (typeof SERVED_TIMES)[number];

/** How often, and for how long altogether. */
export interface ServedTime {
  readonly count: number;
  readonly ns: number;
}

export interface ServedBatch {
  readonly size: number;
  readonly executions: number;
  readonly computeInferNs: number;
}

/** One version of a model at one server. */
export interface ServedModel {
  readonly phase: number;
  /** Its URL, without the query. */
  readonly server: string;
  readonly model: string;
  readonly version: string;
  /** A request counts as many times as its batch has entries. */
  readonly inferences: number;
  readonly executions: number;
  readonly times: Readonly<Record<ServedTimeName, ServedTime>>;
  /** By size, ascending. */
  readonly batches: readonly ServedBatch[];
}

/** What a run asks for. */
export interface AskedModels {
  readonly models: readonly string[];
  /** Of each of them; empty: any. */
  readonly modelVersion: string;
}

function isAsked({ models, modelVersion }: AskedModels, { model, version }: ServedModel): boolean {
  return models.includes(model) && (modelVersion === "" || version === modelVersion);
}

/** Of phases that are taken together, those of the run's models first; the others keep their order. */
export function servedTogether(rows: readonly ServedModel[], asked: AskedModels): ServedModel[] {
  const groups = Map.groupBy(rows, ({ server, model, version }) => JSON.stringify([server, model, version]));
  const summed = [...groups.values()].map((group) => group.reduce(sumOf));
  const isOther = (served: ServedModel): number => (isAsked(asked, served) ? 0 : 1);
  return summed.sort((one, other) => isOther(one) - isOther(other));
}

function sumOf(one: ServedModel, other: ServedModel): ServedModel {
  const sizes = [...new Set([...one.batches, ...other.batches].map(({ size }) => size))].sort((a, b) => a - b);
  return {
    ...one,
    inferences: one.inferences + other.inferences,
    executions: one.executions + other.executions,
    times: timesOf((name) => ({
      count: one.times[name].count + other.times[name].count,
      ns: one.times[name].ns + other.times[name].ns,
    })),
    batches: sizes.map((size) => {
      const same = [...one.batches, ...other.batches].filter((batch) => batch.size === size);
      const total = (key: "executions" | "computeInferNs") => same.reduce((sum, batch) => sum + batch[key], 0);
      return { size, executions: total("executions"), computeInferNs: total("computeInferNs") };
    }),
  };
}

/** A record of one value for each of `SERVED_TIMES`. */
export function timesOf<Value>(made: (name: ServedTimeName) => Value): Record<ServedTimeName, Value> {
  return Object.fromEntries(SERVED_TIMES.map((name) => [name, made(name)])) as Record<ServedTimeName, Value>;
}

/**
 * Where the server's counts of the run's models cannot be those of the phase: fewer successes than came here, or more requests than were
 * sent. In between nothing can be said, since a server counts a request that was given up, or fails behind the model, as it likes.
 */
export function servedNote(
  served: readonly ServedModel[],
  asked: AskedModels,
  { succeeded, errored, cancelled, missingRecord, missingLost, unaccounted }: PhaseCounts,
): WorkloadNote | undefined {
  const ofRun = served.filter((one) => isAsked(asked, one));
  if (served.length === 0) return undefined;
  const count = (name: ServedTimeName) => ofRun.reduce((sum, { times }) => sum + times[name].count, 0);
  const successes = count("success");
  const requests = successes + count("fail");
  const sent = succeeded + errored + cancelled + missingRecord + missingLost + unaccounted;
  if (successes >= succeeded && requests <= sent) return undefined;
  const message =
    requests > sent
      ? `the server counts ${requests} requests of the run's models, and ${sent} were sent: others use it, too`
      : `the server counts ${successes} requests of the run's models that succeeded, and ${succeeded} did here: others answer, too`;
  return { code: "server_counts", tag: undefined, message };
}

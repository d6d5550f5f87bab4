/** What a server says of a model, with known figures. */
import {
  type ServedModel,
  type ServedTime,
  type ServedTimeName,
  timesOf,
} from "../../../services/records-manager/core/served.ts";

export interface ServedOverrides extends Partial<Omit<ServedModel, "times">> {
  /** What is not named is not counted. */
  readonly times?: Readonly<Partial<Record<ServedTimeName, ServedTime>>>;
}

/** Two requests of four inferences each, 10 ns long, in two executions. */
export function servedModel({ times = { success: { count: 2, ns: 20 } }, ...change }: ServedOverrides = {}): ServedModel {
  return {
    phase: 0,
    server: "grpc://a:8001",
    model: "m",
    version: "1",
    inferences: 8,
    executions: 2,
    times: timesOf((name) => times[name] ?? { count: 0, ns: 0 }),
    batches: [{ size: 4, executions: 2, computeInferNs: 3e6 }],
    ...change,
  };
}

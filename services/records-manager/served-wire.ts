/** What servers say that they served, between messages and rows. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ServedModel as ServedModelMessage,
  ServedModelSchema,
  ServedTime,
  ServerFigureSchema,
} from "../../gen/assay/records_manager/v1/served_pb.js";
import { type ServedModel, type ServedTimeName, timesOf } from "./core/served.ts";
import type { SaidFigure } from "./core/telemetry/server-said.ts";

export function servedFrom(message: ServedModelMessage): ServedModel {
  const { phase, server, model, version, inferences, executions, batches } = message;
  const given: Readonly<Record<ServedTimeName, ServedTime | undefined>> = {
    success: message.success,
    fail: message.fail,
    queue: message.queue,
    compute_input: message.computeInput,
    compute_infer: message.computeInfer,
    compute_output: message.computeOutput,
    cache_hit: message.cacheHit,
    cache_miss: message.cacheMiss,
    first_response: message.firstResponse,
  };
  return {
    phase,
    server,
    model,
    version,
    inferences: Number(inferences),
    executions: Number(executions),
    times: timesOf((name) => ({ count: Number(given[name]?.count ?? 0n), ns: given[name]?.ns ?? 0 })),
    batches: batches.map(({ size, executions, computeInferNs }) => ({
      size: Number(size),
      executions: Number(executions),
      computeInferNs,
    })),
  };
}

export function saidOf({ name, unit, server, max, client }: SaidFigure): MessageInitShape<typeof ServerFigureSchema> {
  return { name, unit, server, ...(max === undefined ? {} : { max }), ...(client === undefined ? {} : { client }) };
}

export function servedOf({
  inferences,
  executions,
  times,
  batches,
  ...identity
}: ServedModel): Exclude<MessageInitShape<typeof ServedModelSchema>, { $typeName: string }> {
  const time = (name: ServedTimeName) => ({ count: BigInt(times[name].count), ns: times[name].ns });
  return {
    ...identity,
    inferences: BigInt(inferences),
    executions: BigInt(executions),
    success: time("success"),
    fail: time("fail"),
    queue: time("queue"),
    computeInput: time("compute_input"),
    computeInfer: time("compute_infer"),
    computeOutput: time("compute_output"),
    cacheHit: time("cache_hit"),
    cacheMiss: time("cache_miss"),
    firstResponse: time("first_response"),
    batches: batches.map(({ size, executions, computeInferNs }) => ({
      size: BigInt(size),
      executions: BigInt(executions),
      computeInferNs,
    })),
  };
}

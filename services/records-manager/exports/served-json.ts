/** What a server says that a model did, in the summary's file: counts, and means in ms of what was counted at all. */
import { SERVED_TIMES, type ServedModel } from "../core/served.ts";
import type { SaidFigure } from "../core/telemetry/server-said.ts";
import { Float, type JsonObject } from "./json-text.ts";

export function saidJson({ name, unit, server, max, client }: SaidFigure): JsonObject {
  return { name, unit, server: floatOf(server), max: floatOf(max), client: floatOf(client) };
}

function floatOf(value: number | undefined): Float | undefined {
  return value === undefined ? undefined : new Float(value);
}

export function servedJson({ server, model, version, inferences, executions, times, batches }: ServedModel): JsonObject {
  return {
    server,
    model,
    version,
    inferences,
    executions,
    batch_sizes: Object.fromEntries(batches.map(({ size, executions }) => [String(size), executions])),
    ...Object.fromEntries(
      SERVED_TIMES.map((name) => {
        const { count, ns } = times[name];
        return [name, { count, avg_ms: count === 0 ? undefined : new Float(ns / count / 1e6) }];
      }),
    ),
  };
}

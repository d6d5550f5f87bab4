/**
 * The metrics page in Prometheus' text format. Imported only where it was asked for: this is the only file that knows prom-client,
 * of which it uses the registry and its writing of the format, since everything is counted elsewhere.
 */
import type { ServerResponse } from "node:http";
import { Gauge, type MetricObjectWithValues, type MetricType, type MetricValue, Registry } from "prom-client";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { ANY_ROLE } from "../rpc/handler.ts";
import type { HttpPage } from "../rpc/http1.ts";
import type { Distribution, Family } from "./instrument.ts";

/** Where the page is. */
export const metricsPath = "/metrics";

/**
 * A page of what `read` gives. It holds counts and no names of runs, models or addresses, so it is open to everyone on this host, as
 * health is; from other hosts it asks for some role.
 */
export function createMetricsPage(read: () => readonly Family[], log: Logger): HttpPage {
  return {
    name: `GET ${metricsPath}`,
    roles: ANY_ROLE,
    isOpenOnLoopback: true,
    answer(_request, response) {
      render(read()).then(
        (text) => send(response, 200, Registry.PROMETHEUS_CONTENT_TYPE, text),
        (error: unknown) => {
          log.error("the metrics page could not be made", { error: messageOf(error) });
          send(response, 500, "text/plain; charset=utf-8", "the metrics page could not be made\n");
        },
      );
    },
  };
}

/** Families as text, in their order. */
export async function render(families: readonly Family[]): Promise<string> {
  const registry = new Registry();
  for (const family of families) if (family.points.length > 0) registry.registerMetric(new ReadFamily(family));
  return registry.metrics();
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text), "cache-control": "no-store" });
  // Node sends no body in answer to HEAD.
  response.end(text);
}

/** A metric of prom-client that holds nothing and gives what was read; a Gauge in the types alone. */
class ReadFamily extends Gauge {
  readonly #family: Family;

  constructor(family: Family) {
    const { name, instrument } = family;
    super({ name, help: instrument.help, registers: [] });
    this.#family = family;
  }

  override async get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
    const { name, instrument, points } = this.#family;
    return {
      name,
      help: instrument.help,
      // prom-client declares the names of types as a const enum, which does not exist at run time.
      type: instrument.kind as unknown as MetricType,
      aggregator: "sum",
      collect() {},
      values: points.flatMap(({ labels, value }) =>
        typeof value === "number" ? [{ labels, value }] : valuesOf(name, labels, value),
      ),
    };
  }
}

/** Buckets are cumulated on the page. */
function valuesOf(name: string, labels: Readonly<Record<string, string>>, { bounds, counts, sum, count }: Distribution) {
  let below = 0;
  const buckets = counts.map((inBucket, index) => {
    below += inBucket;
    const bound = bounds[index];
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bound === undefined ? "+Inf" : String(bound) },
      value: below,
    };
  });
  return [...buckets, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: count }];
}

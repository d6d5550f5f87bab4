/** `server_metrics_export.jsonl`: each scrape of a server's page that says something new on a line, as AIPerf writes it. */
import { serverMetrics } from "../core/telemetry/server-metrics.ts";
import type { RunReader } from "../store/run-reader.ts";
import type { Exporter } from "./exporter.ts";
import { Float, type Json, type JsonObject, jsonText } from "./json-text.ts";

export const serverMetricsJsonl: Exporter = ({ reader }, text) => {
  const { suiteWallOffsetNs } = reader.run();
  for (const { kind, name } of reader.telemetrySources()) {
    if (kind !== "server") continue;
    const linesOf = metricsOf(reader, name);
    let before = "";
    for (const { startNs, endNs, values } of reader.scrapes(kind, name)) {
      if (values === undefined) continue;
      const metrics = linesOf(values);
      const said = jsonText(metrics);
      if (said === before) continue;
      before = said;
      const line: JsonObject = {
        endpoint_url: name,
        timestamp_ns: BigInt(Math.round(endNs + suiteWallOffsetNs)),
        endpoint_latency_ns: BigInt(Math.round(endNs - startNs)),
        metrics,
      };
      text(`${jsonText(line)}\n`);
    }
  }
};

/** Makes the metrics of one page from the values of a scrape. */
function metricsOf(reader: RunReader, source: string): (values: readonly (number | null)[]) => JsonObject {
  const rows = reader.series({ kinds: ["server"], sources: [source] });
  const placeOf = new Map(rows.map(({ series, place }) => [series, place]));
  const metrics = serverMetrics(rows);
  return (values) => {
    const readingOf = (series: number): number | undefined => values[placeOf.get(series) ?? -1] ?? undefined;
    return Object.fromEntries(
      metrics.flatMap(({ name, series }) => {
        const samples = series.flatMap(({ labels, parts }): Json[] => {
          const own = Object.keys(labels).length === 0 ? undefined : labels;
          const found = parts.flatMap((part) => {
            const value = readingOf(part.series);
            return value === undefined ? [] : [{ ...part, value: new Float(value) }];
          });
          const one = (is: string) => found.find((part) => part.is === is)?.value;
          const bounded = (is: string) =>
            found.filter((part) => part.is === is).map(({ bound, value }) => [bound, value] as const);
          if (found.length === 0) return [];
          const value = one("value");
          if (value !== undefined) return [{ labels: own, value }];
          const [buckets, quantiles] = [bounded("bucket"), bounded("quantile")];
          return [
            {
              labels: own,
              buckets: buckets.length === 0 ? undefined : new Map(buckets),
              quantiles: quantiles.length === 0 ? undefined : new Map(quantiles),
              sum: one("sum"),
              count: one("count"),
            },
          ];
        });
        return samples.length === 0 ? [] : [[name, samples] as const];
      }),
    );
  };
}

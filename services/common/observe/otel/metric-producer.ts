/** Families as OpenTelemetry's metrics: the same numbers as on the metrics page, under names without units. */
import { type HrTime, ValueType } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AggregationTemporality, DataPointType, type MetricData, type MetricProducer } from "@opentelemetry/sdk-metrics";
import type { WallNs } from "../../clock.ts";
import { version } from "../../version.ts";
import type { Distribution, Family } from "../instrument.ts";
import { otlpNameOf } from "../otlp-name.ts";
import { hrTimeOf } from "./hr-time.ts";

/** Gives what `read` gives when it is asked, counted from the start of the process. Its resource is not looked at. */
export function createMetricProducer(read: () => readonly Family[], startWallNs: WallNs): MetricProducer {
  const startTime = hrTimeOf(startWallNs);
  return {
    async collect() {
      const endTime = hrTimeOf(Date.now() * 1e6);
      const metrics = read()
        .filter(({ points }) => points.length > 0)
        .map((family) => metricOf(family, startTime, endTime));
      const scopeMetrics = [{ scope: { name: "assay", version }, metrics }];
      return { resourceMetrics: { resource: resourceFromAttributes({}), scopeMetrics }, errors: [] };
    },
  };
}

function metricOf({ name, instrument, points }: Family, startTime: HrTime, endTime: HrTime): MetricData {
  const { kind, unit, help } = instrument;
  const descriptor = { name: otlpNameOf(name, instrument), description: help, unit, valueType: ValueType.DOUBLE };
  const common = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE };
  const times = { startTime, endTime };
  if (kind === "histogram") {
    const dataPoints = points.flatMap(({ labels, value }) =>
      typeof value === "number" ? [] : [{ ...times, attributes: labels, value: histogramOf(value) }],
    );
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = points.flatMap(({ labels, value }) =>
    typeof value === "number" ? [{ ...times, attributes: labels, value }] : [],
  );
  if (kind === "gauge") return { ...common, dataPointType: DataPointType.GAUGE, dataPoints };
  return { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
}

function histogramOf({ bounds, counts, sum, count }: Distribution) {
  return { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count };
}

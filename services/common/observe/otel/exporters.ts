/** The OTLP exporters, each loaded only where its protocol is spoken; and what is said when a collector does not answer. */
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Logger } from "../../logger.ts";
import type { OtlpProtocol } from "./settings.ts";

export async function createSpanExporter(protocol: OtlpProtocol, log: Logger): Promise<SpanExporter> {
  const exporter = await loadSpanExporter(protocol);
  const heard = createOutageLog("traces", log);
  return {
    export: (spans, done) => exporter.export(spans, heard(done)),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

export async function createMetricExporter(protocol: OtlpProtocol, log: Logger): Promise<PushMetricExporter> {
  const exporter = await loadMetricExporter(protocol);
  const heard = createOutageLog("metrics", log);
  return {
    export: (metrics, done) => exporter.export(metrics, heard(done)),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush(),
  };
}

async function loadSpanExporter(protocol: OtlpProtocol): Promise<SpanExporter> {
  switch (protocol) {
    case "grpc":
      return (await import("./grpc-exporters.ts")).createGrpcSpanExporter();
    case "http/json":
      return new (await import("@opentelemetry/exporter-trace-otlp-http")).OTLPTraceExporter();
    case "http/protobuf":
      return new (await import("@opentelemetry/exporter-trace-otlp-proto")).OTLPTraceExporter();
  }
}

async function loadMetricExporter(protocol: OtlpProtocol): Promise<PushMetricExporter> {
  switch (protocol) {
    case "grpc":
      return (await import("./grpc-exporters.ts")).createGrpcMetricExporter();
    case "http/json":
      return new (await import("@opentelemetry/exporter-metrics-otlp-http")).OTLPMetricExporter();
    case "http/protobuf":
      return new (await import("@opentelemetry/exporter-metrics-otlp-proto")).OTLPMetricExporter();
  }
}

/** Logs the first failure of an outage and its end, and nothing in between: a collector that is down is down for hours. */
function createOutageLog(what: string, log: Logger) {
  let isOut = false;
  return (done: (result: ExportResult) => void) =>
    (result: ExportResult): void => {
      const hasFailed = result.code !== ExportResultCode.SUCCESS;
      if (hasFailed && !isOut) {
        log.warn(`${what} cannot be exported; further failures are not logged`, { error: result.error?.message });
      }
      if (!hasFailed && isOut) log.info(`${what} are exported again`);
      isOut = hasFailed;
      done(result);
    };
}

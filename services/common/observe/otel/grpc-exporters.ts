/** The exporters for OTLP over gRPC. Apart from the others because they bring gRPC with them. */
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanExporter } from "@opentelemetry/sdk-trace";

export const createGrpcSpanExporter = (): SpanExporter => new OTLPTraceExporter();
export const createGrpcMetricExporter = (): PushMetricExporter => new OTLPMetricExporter();

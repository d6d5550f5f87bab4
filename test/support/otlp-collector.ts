/**
 * An OpenTelemetry collector that keeps what it is sent: OTLP over HTTP (JSON and protobuf) on one port, over gRPC on another. It
 * reads the formats by itself (opentelemetry.io/docs/specs/otlp, opentelemetry-proto), not with the library that wrote them.
 */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";

type Value = string | number | boolean | Value[];

export interface CollectedSpan {
  /** `service.name` of who sent it. */
  readonly service: string;
  readonly resource: Readonly<Record<string, Value>>;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: none. */
  readonly parentId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly events: readonly string[];
  readonly status: { readonly code: number; readonly message: string };
}

export interface CollectedPoint {
  readonly attributes: Readonly<Record<string, Value>>;
  /** Of a histogram the number of its values. */
  readonly value: number;
}

export interface CollectedMetric {
  readonly service: string;
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram";
  /** As it was sent last. */
  readonly points: readonly CollectedPoint[];
}

export interface Collector {
  /** For OTLP over HTTP. */
  readonly url: string;
  /** For OTLP over gRPC. */
  readonly grpcUrl: string;
  readonly spans: CollectedSpan[];
  /** The last word on each metric of each process. */
  metrics(): CollectedMetric[];
  /** Content types of HTTP requests, or `grpc`. */
  readonly formats: Set<string>;
  /** Values of the `api-key` header or metadata. */
  readonly keys: Set<string>;
  stop(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const metrics = new Map<string, CollectedMetric>();
  const [formats, keys] = [new Set<string>(), new Set<string>()];
  const takeTraces = (request: Fields) => void spans.push(...spansOf(request));
  const takeMetrics = (request: Fields) => {
    for (const [instance, metric] of metricsOf(request)) metrics.set(`${instance} ${metric.name}`, metric);
  };

  const server = http.createServer((request, response) => {
    buffer(request).then((body) => {
      const bytes = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      const type = request.headers["content-type"] ?? "";
      formats.add(type);
      keys.add(String(request.headers["api-key"] ?? ""));
      const isJson = type === "application/json";
      const fields = isJson ? new JsonFields(JSON.parse(bytes.toString())) : new ProtoFields(bytes);
      if (request.url === "/v1/traces") takeTraces(fields);
      else if (request.url === "/v1/metrics") takeMetrics(fields);
      response.writeHead(request.url?.startsWith("/v1/") ? 200 : 404, { "content-type": type });
      response.end(isJson ? "{}" : "");
    }, ignoreCut);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const grpc = new Server();
  const raw = (bytes: Buffer) => bytes;
  const method = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  });
  const serve = (signal: "trace" | "metrics", service: string, take: (request: Fields) => void) =>
    grpc.addService(
      { export: method(`/opentelemetry.proto.collector.${signal}.v1.${service}/Export`) },
      {
        export: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
          formats.add("grpc");
          keys.add(String(call.metadata.get("api-key")[0] ?? ""));
          take(new ProtoFields(call.request));
          answer(null, Buffer.alloc(0));
        },
      },
    );
  serve("trace", "TraceService", takeTraces);
  serve("metrics", "MetricsService", takeMetrics);
  const bound = Promise.withResolvers<number>();
  grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
    error === null ? bound.resolve(port) : bound.reject(error),
  );
  const grpcPort = await bound.promise;

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    grpcUrl: `http://127.0.0.1:${grpcPort}`,
    spans,
    metrics: () => [...metrics.values()],
    formats,
    keys,
    async stop() {
      grpc.forceShutdown();
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** A sender that ends in the middle of its request. */
function ignoreCut(): void {}

/** A message of OTLP: a field has one name in JSON and one number in protobuf. */
interface Fields {
  all(name: string, number: number): Fields[];
  text(name: string, number: number): string;
  /** Lower-case hexadecimal. */
  id(name: string, number: number): string;
  /** Varints and enums. */
  int(name: string, number: number): number;
  fixed(name: string, number: number): bigint;
  double(name: string, number: number): number;
  has(name: string, number: number): boolean;
}

class JsonFields implements Fields {
  readonly #object: Record<string, any>;

  constructor(object: Record<string, any>) {
    this.#object = object;
  }

  all(name: string): Fields[] {
    const value = this.#object[name];
    const list = value === undefined ? [] : Array.isArray(value) ? value : [value];
    return list.map((each) => new JsonFields(each));
  }

  text = (name: string): string => this.#object[name] ?? "";
  id = (name: string): string => this.#object[name] ?? "";
  int = (name: string): number => Number(this.#object[name] ?? 0);
  fixed = (name: string): bigint => BigInt(this.#object[name] ?? 0);
  double = (name: string): number => Number(this.#object[name] ?? 0);
  has = (name: string): boolean => this.#object[name] !== undefined;
}

class ProtoFields implements Fields {
  readonly #fields = new Map<number, (bigint | Buffer)[]>();

  constructor(bytes: Uint8Array) {
    const data = Buffer.from(bytes);
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = data[at++];
        if (byte === undefined) throw new Error("a protobuf message ends early");
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    while (at < data.length) {
      const tag = Number(varint());
      const number = tag >> 3;
      const values = this.#fields.get(number) ?? [];
      this.#fields.set(number, values);
      const take = (length: number): Buffer => {
        at += length;
        return data.subarray(at - length, at);
      };
      if ((tag & 7) === 0) values.push(varint());
      else if ((tag & 7) === 1) values.push(take(8));
      else if ((tag & 7) === 2) values.push(take(Number(varint())));
      else if ((tag & 7) === 5) values.push(take(4));
      else throw new Error(`wire type ${tag & 7}`);
    }
  }

  all = (_name: string, number: number): Fields[] =>
    (this.#fields.get(number) ?? []).map((each) => new ProtoFields(each as Buffer));
  text = (_name: string, number: number): string => this.#bytes(number)?.toString() ?? "";
  id = (_name: string, number: number): string => this.#bytes(number)?.toString("hex") ?? "";
  int = (_name: string, number: number): number => Number(this.#last(number) ?? 0n);
  fixed = (_name: string, number: number): bigint => this.#bytes(number)?.readBigUInt64LE() ?? 0n;
  double = (_name: string, number: number): number => this.#bytes(number)?.readDoubleLE() ?? 0;
  has = (_name: string, number: number): boolean => this.#fields.has(number);

  #last(number: number): bigint | Buffer | undefined {
    return this.#fields.get(number)?.at(-1);
  }

  #bytes(number: number): Buffer | undefined {
    const last = this.#last(number);
    return Buffer.isBuffer(last) ? last : undefined;
  }
}

function attributesOf(fields: Fields, number: number): Record<string, Value> {
  return Object.fromEntries(
    fields.all("attributes", number).map((pair) => [pair.text("key", 1), anyValueOf(pair.all("value", 2)[0])]),
  );
}

function anyValueOf(value: Fields | undefined): Value {
  if (value === undefined) return "";
  if (value.has("boolValue", 2)) return Boolean(value.int("boolValue", 2));
  if (value.has("intValue", 3)) return value.int("intValue", 3);
  if (value.has("doubleValue", 4)) return value.double("doubleValue", 4);
  const [list] = value.all("arrayValue", 5);
  return list === undefined ? value.text("stringValue", 1) : list.all("values", 1).map(anyValueOf);
}

function spansOf(request: Fields): CollectedSpan[] {
  return request.all("resourceSpans", 1).flatMap((from) => {
    const resource = attributesOf(from.all("resource", 1)[0]!, 1);
    return from.all("scopeSpans", 2).flatMap((scope) =>
      scope.all("spans", 2).map((span) => ({
        service: String(resource["service.name"]),
        resource,
        traceId: span.id("traceId", 1),
        spanId: span.id("spanId", 2),
        parentId: span.id("parentSpanId", 4),
        name: span.text("name", 5),
        kind: span.int("kind", 6),
        startNs: span.fixed("startTimeUnixNano", 7),
        endNs: span.fixed("endTimeUnixNano", 8),
        attributes: attributesOf(span, 9),
        events: span.all("events", 11).map((event) => event.text("name", 2)),
        status: statusOf(span.all("status", 15)[0]),
      })),
    );
  });
}

function statusOf(status: Fields | undefined): CollectedSpan["status"] {
  return { code: status?.int("code", 3) ?? 0, message: status?.text("message", 2) ?? "" };
}

function metricsOf(request: Fields): [string, CollectedMetric][] {
  return request.all("resourceMetrics", 1).flatMap((from) => {
    const resource = attributesOf(from.all("resource", 1)[0]!, 1);
    return from.all("scopeMetrics", 2).flatMap((scope) =>
      scope.all("metrics", 2).map((metric): [string, CollectedMetric] => [
        String(resource["service.instance.id"]),
        {
          service: String(resource["service.name"]),
          name: metric.text("name", 1),
          unit: metric.text("unit", 3),
          ...pointsOf(metric),
        },
      ]),
    );
  });
}

function pointsOf(metric: Fields): Pick<CollectedMetric, "kind" | "points"> {
  const [histogram] = metric.all("histogram", 9);
  if (histogram !== undefined) {
    const points = histogram.all("dataPoints", 1).map((point) => ({
      attributes: attributesOf(point, 9),
      value: Number(point.fixed("count", 4)),
    }));
    return { kind: "histogram", points };
  }
  const [sum] = metric.all("sum", 7);
  const [data] = sum === undefined ? metric.all("gauge", 5) : [sum];
  const points = (data?.all("dataPoints", 1) ?? []).map((point) => ({
    attributes: attributesOf(point, 7),
    value: point.has("asInt", 6) ? Number(point.fixed("asInt", 6)) : point.double("asDouble", 4),
  }));
  return { kind: sum === undefined ? "gauge" : "sum", points };
}

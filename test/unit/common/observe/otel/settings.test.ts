import { expect } from "chai";
import { otelSettingsOf } from "../../../../../services/common/observe/otel/settings.ts";

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" };

describe("what the environment says about OpenTelemetry", () => {
  const signals: readonly [string, Record<string, string>, string | undefined, string | undefined][] = [
    ["an address", endpoint, "http/protobuf", "http/protobuf"],
    ["an address of traces alone", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c" }, "http/protobuf", undefined],
    ["an address of metrics alone", { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://c" }, undefined, "http/protobuf"],
    ["an exporter without an address", { OTEL_METRICS_EXPORTER: "otlp" }, undefined, "http/protobuf"],
    ["an address, but no exporter of metrics", { ...endpoint, OTEL_METRICS_EXPORTER: "none" }, "http/protobuf", undefined],
    ["a protocol", { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "grpc", "grpc"],
    ["a protocol of traces", { ...endpoint, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json" }, "http/json", "http/protobuf"],
    ["upper case and blanks", { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: " GRPC " }, "grpc", "grpc"],
  ];
  for (const [what, env, traces, metrics] of signals) {
    it(`exports ${traces === undefined ? "no traces" : "traces"} and ${metrics === undefined ? "no metrics" : "metrics"}: ${what}`, () => {
      expect(otelSettingsOf(env)).to.include({ traces, metrics }).and.to.deep.include({ warnings: [] });
    });
  }

  const silent: readonly [string, Record<string, string>][] = [
    ["nothing is set", {}],
    ["the address is empty", { OTEL_EXPORTER_OTLP_ENDPOINT: " " }],
    ["only the service is named", { OTEL_SERVICE_NAME: "x", OTEL_RESOURCE_ATTRIBUTES: "a=b" }],
    ["it is switched off", { ...endpoint, OTEL_SDK_DISABLED: "True" }],
    ["neither is to be exported", { ...endpoint, OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" }],
  ];
  for (const [what, env] of silent) it(`asks for nothing where ${what}`, () => expect(otelSettingsOf(env)).to.equal(undefined));

  it("has the defaults of the specification", () => {
    expect(otelSettingsOf(endpoint)).to.deep.include({
      sampler: "parentbased_always_on",
      sampledRatio: 1,
      batch: { scheduledDelayMillis: 5000, exportTimeoutMillis: 30_000, maxQueueSize: 2048, maxExportBatchSize: 512 },
      metricIntervalMs: 60_000,
      metricTimeoutMs: 30_000,
    });
  });

  it("takes what is set", () => {
    const settings = otelSettingsOf({
      ...endpoint,
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      OTEL_BSP_SCHEDULE_DELAY: "10",
      OTEL_BSP_MAX_QUEUE_SIZE: "100",
      OTEL_METRIC_EXPORT_INTERVAL: "500",
    });
    expect(settings).to.deep.include({
      sampler: "traceidratio",
      sampledRatio: 0.25,
      metricIntervalMs: 500,
      metricTimeoutMs: 500,
    });
    // A batch larger than the queue never fills.
    expect(settings?.batch).to.include({ scheduledDelayMillis: 10, maxQueueSize: 100, maxExportBatchSize: 100 });
  });

  const wrong: readonly [Record<string, string>, string][] = [
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: "udp" },
      'OTEL_EXPORTER_OTLP_PROTOCOL: must be one of grpc, http/protobuf, http/json, got "udp"',
    ],
    [{ OTEL_TRACES_EXPORTER: "console" }, 'OTEL_TRACES_EXPORTER: must be otlp or none, got "console"'],
    [{ OTEL_TRACES_SAMPLER_ARG: "2" }, 'OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1, got "2"'],
    [{ OTEL_BSP_SCHEDULE_DELAY: "-1" }, 'OTEL_BSP_SCHEDULE_DELAY: must be a whole number above 0, got "-1"'],
  ];
  for (const [env, warning] of wrong) {
    it(`names what it does not understand, once: ${Object.keys(env)[0]}`, () => {
      expect(otelSettingsOf({ ...endpoint, ...env })?.warnings).to.deep.equal([warning]);
    });
  }

  it("knows what must not be logged", () => {
    const secrets = otelSettingsOf({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://me:pass%20word@c:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=k3y,authorization=Bearer%20t0ken",
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: "x=a=b",
    })?.secrets;
    expect(secrets).to.include.members(["k3y", "Bearer%20t0ken", "Bearer t0ken", "t0ken", "a=b", "pass%20word", "pass word"]);
  });
});

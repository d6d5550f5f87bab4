/**
 * What the environment says about OpenTelemetry (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables). The
 * exporters read their own part of it: endpoint, headers, timeout, compression, certificates.
 */

export type OtlpProtocol = "grpc" | "http/protobuf" | "http/json";

export type SamplerName =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio";

export interface OtelSettings {
  /** How traces and metrics are sent; undefined: they are not. */
  readonly traces: OtlpProtocol | undefined;
  readonly metrics: OtlpProtocol | undefined;
  readonly sampler: SamplerName;
  /** Share of traces that is kept by the samplers that know one, 0 to 1. */
  readonly sampledRatio: number;
  readonly batch: {
    readonly scheduledDelayMillis: number;
    readonly exportTimeoutMillis: number;
    readonly maxQueueSize: number;
    readonly maxExportBatchSize: number;
  };
  readonly metricIntervalMs: number;
  readonly metricTimeoutMs: number;
  /** Values of headers and passwords of addresses: never to be logged. */
  readonly secrets: readonly string[];
  /** What was set and is not understood, one line each. */
  readonly warnings: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const protocols = ["grpc", "http/protobuf", "http/json"] as const;
const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/** Undefined: nothing asks for OpenTelemetry, or it is switched off. */
export function otelSettingsOf(env: Environment): OtelSettings | undefined {
  if (textOf(env, "OTEL_SDK_DISABLED").toLowerCase() === "true") return undefined;
  const reader = new Reader(env);
  const traces = reader.isExported("TRACES") ? reader.protocol("TRACES") : undefined;
  const metrics = reader.isExported("METRICS") ? reader.protocol("METRICS") : undefined;
  if (traces === undefined && metrics === undefined && reader.warnings.length === 0) return undefined;
  const maxQueueSize = reader.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048);
  const metricIntervalMs = reader.number("OTEL_METRIC_EXPORT_INTERVAL", 60_000);
  return {
    traces,
    metrics,
    sampler: reader.oneOf("OTEL_TRACES_SAMPLER", samplers, "parentbased_always_on"),
    sampledRatio: reader.ratio("OTEL_TRACES_SAMPLER_ARG"),
    batch: {
      scheduledDelayMillis: reader.number("OTEL_BSP_SCHEDULE_DELAY", 5_000),
      exportTimeoutMillis: reader.number("OTEL_BSP_EXPORT_TIMEOUT", 30_000),
      maxQueueSize,
      maxExportBatchSize: Math.min(maxQueueSize, reader.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)),
    },
    metricIntervalMs,
    metricTimeoutMs: Math.min(metricIntervalMs, reader.number("OTEL_METRIC_EXPORT_TIMEOUT", 30_000)),
    secrets: secretsOf(env),
    warnings: reader.warnings,
  };
}

type Signal = "TRACES" | "METRICS";

/** Reads values and remembers what was wrong with them. */
class Reader {
  readonly warnings: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** Where nothing is said about the exporter, an address for what it exports says enough. */
  isExported(signal: Signal): boolean {
    const name = `OTEL_${signal}_EXPORTER`;
    const said = textOf(this.#env, name);
    if (said === "") {
      return (
        textOf(this.#env, "OTEL_EXPORTER_OTLP_ENDPOINT") !== "" ||
        textOf(this.#env, `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`) !== ""
      );
    }
    const names = said.split(",").map((part) => part.trim().toLowerCase());
    for (const other of names) {
      if (other !== "otlp" && other !== "none") this.warnings.push(`${name}: must be otlp or none, got ${JSON.stringify(other)}`);
    }
    return names.includes("otlp");
  }

  protocol(signal: Signal): OtlpProtocol {
    const general = this.oneOf("OTEL_EXPORTER_OTLP_PROTOCOL", protocols, "http/protobuf");
    return this.oneOf(`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, protocols, general);
  }

  oneOf<Value extends string>(name: string, known: readonly Value[], standard: Value): Value {
    const said = textOf(this.#env, name).toLowerCase();
    const found = known.find((value) => value === said);
    if (found === undefined && said !== "")
      this.#warn(`${name}: must be one of ${known.join(", ")}, got ${JSON.stringify(said)}`);
    return found ?? standard;
  }

  /** A whole number above 0. */
  number(name: string, standard: number): number {
    const said = textOf(this.#env, name);
    if (said === "") return standard;
    const value = Number(said);
    if (Number.isSafeInteger(value) && value > 0) return value;
    this.#warn(`${name}: must be a whole number above 0, got ${JSON.stringify(said)}`);
    return standard;
  }

  ratio(name: string): number {
    const said = textOf(this.#env, name);
    const value = said === "" ? 1 : Number(said);
    if (value >= 0 && value <= 1) return value;
    this.#warn(`${name}: must be a number from 0 to 1, got ${JSON.stringify(said)}`);
    return 1;
  }

  #warn(text: string): void {
    if (!this.warnings.includes(text)) this.warnings.push(text);
  }
}

function textOf(env: Environment, name: string): string {
  return env[name]?.trim() ?? "";
}

/** Headers hold keys of a collector; each value as it stands and as it is sent. */
function secretsOf(env: Environment): string[] {
  const kinds = ["", "TRACES_", "METRICS_"];
  const headers = kinds.flatMap((kind) => textOf(env, `OTEL_EXPORTER_OTLP_${kind}HEADERS`).split(","));
  const values = headers.map((pair) => pair.slice(pair.indexOf("=") + 1).trim());
  const passwords = kinds.map((kind) => URL.parse(textOf(env, `OTEL_EXPORTER_OTLP_${kind}ENDPOINT`))?.password ?? "");
  const all = [...values, ...passwords].flatMap((value) => [value, decoded(value), lastWord(decoded(value))]);
  return [...new Set(all)].filter((value) => value !== "");
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    // Not percent-encoded then.
    return value;
  }
}

/** `Bearer abc`: what follows the scheme is the secret. */
function lastWord(value: string): string {
  return value.slice(value.lastIndexOf(" ") + 1);
}

/**
 * Single requests as spans, by OpenTelemetry's conventions for generative AI clients. Made from committed records, long after the
 * request and in another process than the one that measured it, and of a sample of them.
 */
import { parseBaseUrl, socketPathOf } from "../../endpoints/target-url.ts";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { recordMetrics } from "../../metrics/catalog.ts";
import type { MetricRecord } from "../common/metric-record.ts";
import type { Carrier, SpanAttributes, Tracer } from "../common/observe/tracing.ts";
import { Thinning } from "./core/thinning.ts";

/** Failed requests are picked by themselves: among many good ones they would hardly be seen. */
interface PhaseSample {
  readonly good: Thinning;
  readonly failed: Thinning;
}

/** How an endpoint's work is called there; an endpoint without a row goes by its own name. */
const operations: Readonly<Record<string, string>> = {
  completions: "text_completion",
  responses: "chat",
  messages: "chat",
  ollama_chat: "chat",
  chat_embeddings: "embeddings",
  nim_embeddings: "embeddings",
};

/** Whose API is spoken, where it is not OpenAI's or like it: who made the model is not known. */
const providers: Readonly<Record<string, string>> = { messages: "anthropic", cohere_rankings: "cohere" };

const indexOf = (tag: string): number => recordMetrics.findIndex((metric) => metric.tag === tag);
const firstTokenIndex = indexOf("time_to_first_token");
const inputIndex = indexOf("input_sequence_length");
const outputIndex = indexOf("output_sequence_length");

export class RequestSpans {
  readonly #tracer: Tracer;
  readonly #spec: RunSpec;
  readonly #targets: readonly SpanAttributes[];
  readonly #samples = new Map<number, PhaseSample>();
  readonly #parents = new Map<number, Carrier>();

  constructor(tracer: Tracer, spec: RunSpec) {
    this.#tracer = tracer;
    this.#spec = spec;
    this.#targets = (spec.target?.urls ?? []).map(({ url }) => serverOf(url));
  }

  /** Requests of this phase are parts of what this names. */
  phaseStarted(phase: number, parent: Carrier): void {
    this.#parents.set(phase, parent);
  }

  add(records: readonly MetricRecord[]): void {
    for (const record of records) {
      const sample = this.#sampleOf(record.phase);
      const isPicked = record.error === undefined ? sample.good.next() : sample.failed.next();
      if (isPicked) this.#make(record);
    }
  }

  #make(record: MetricRecord): void {
    const { phase, sentNs, endNs, wallOffsetNs, error, model, targetIndex } = record;
    const type = this.#spec.endpoint?.type ?? "";
    const operation = operations[type] ?? (type === "" ? "chat" : type);
    const startWallNs = sentNs + wallOffsetNs;
    const span = this.#tracer.start(`${operation} ${model}`, {
      kind: "client",
      remoteParent: this.#parents.get(phase),
      startWallNs,
      attributes: {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": providers[type] ?? "openai",
        "gen_ai.request.model": model,
        ...this.#targets[targetIndex],
        ...outcomeOf(record),
      },
    });
    span.end(error, startWallNs + endNs);
  }

  #sampleOf(phase: number): PhaseSample {
    let sample = this.#samples.get(phase);
    if (sample === undefined) {
      sample = { good: new Thinning(), failed: new Thinning() };
      this.#samples.set(phase, sample);
    }
    return sample;
  }
}

function outcomeOf(record: MetricRecord): SpanAttributes {
  const { values, requestedOutputTokens, finishReason, status, correlationId, workerId, creditId, dueNs, sentNs } = record;
  const value = (name: string, index: number, scale = 1): SpanAttributes => {
    const measured = values[index] ?? Number.NaN;
    return Number.isNaN(measured) ? {} : { [name]: measured * scale };
  };
  return {
    "gen_ai.conversation.id": correlationId,
    "gen_ai.request.stream": record.isStreaming,
    ...(requestedOutputTokens === undefined ? {} : { "gen_ai.request.max_tokens": requestedOutputTokens }),
    ...(finishReason === undefined ? {} : { "gen_ai.response.finish_reasons": [finishReason] }),
    ...value("gen_ai.usage.input_tokens", inputIndex),
    ...value("gen_ai.usage.output_tokens", outputIndex),
    ...(record.isStreaming ? value("gen_ai.response.time_to_first_chunk", firstTokenIndex, 1e-3) : {}),
    ...(status === 0 ? {} : { "http.response.status_code": status }),
    ...(dueNs > 0 ? { "assay.lateness": (sentNs - dueNs) / 1e9 } : {}),
    "assay.credit.id": creditId,
    "assay.worker.id": workerId,
  };
}

function serverOf(text: string): SpanAttributes {
  const url = parseBaseUrl(text);
  if (url === undefined) return {};
  const socketPath = socketPathOf(url);
  if (socketPath !== undefined) return { "server.address": socketPath };
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return { "server.address": url.hostname, "server.port": port };
}

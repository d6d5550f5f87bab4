/**
 * `/metrics`: a meter a model as vLLM shows its engine, in the Prometheus text format 0.0.4. Names, labels, and the bounds of
 * the histograms are vLLM's (0.32, `vllm/v1/metrics`), so that what reads vLLM's page reads this one. Pure.
 */
import { escaped } from "./label.ts";
import type { Histogram, Meter } from "./meter.ts";

interface Family {
  readonly name: string;
  readonly help: string;
  readonly values: FamilyValues;
}

type FamilyValues =
  | { readonly type: "gauge" | "counter"; readonly of: (meter: Meter, page: PageFacts) => number }
  /** One line a value of a label. */
  | { readonly type: "counter"; readonly label: string; readonly by: (meter: Meter) => Readonly<Record<string, number>> }
  | { readonly type: "histogram"; readonly histogram: (meter: Meter) => Histogram };

export interface PageFacts {
  readonly kvCacheTokens: number;
}

const families: readonly Family[] = [
  gauge("vllm:num_requests_running", "Answers in progress.", (meter) => meter.running),
  gauge("vllm:num_requests_waiting", "Requests that wait for their turn.", (meter) => meter.waiting),
  gauge("vllm:kv_cache_usage_perc", "Part of the KV cache that answers in progress hold, 1 = all of it.", (meter, page) =>
    Math.min(1, meter.heldTokens / page.kvCacheTokens),
  ),
  counter("vllm:prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.", (meter) => meter.lookedUpTokens),
  counter("vllm:prefix_cache_hits_total", "Prompt tokens found in the prefix cache.", (meter) => meter.cachedTokens),
  counter("vllm:num_preemptions_total", "Preemptions; this server has none.", () => 0),
  counter("vllm:prompt_tokens_total", "Prompt tokens worked off.", (meter) => meter.promptTokens),
  counter("vllm:prompt_tokens_cached_total", "Prompt tokens that were cached.", (meter) => meter.cachedTokens),
  counter("vllm:generation_tokens_total", "Tokens generated.", (meter) => meter.generationTokens),
  {
    name: "vllm:request_success_total",
    help: "Requests that have ended, by how.",
    values: { type: "counter", label: "finished_reason", by: (meter) => meter.finished },
  },
  histogram("vllm:request_prompt_tokens", "Prompt tokens of a request.", (meter) => meter.prompt),
  histogram("vllm:request_generation_tokens", "Tokens generated for a request.", (meter) => meter.generation),
  histogram("vllm:time_to_first_token_seconds", "From a request's arrival to its first token.", (meter) => meter.firstToken),
  histogram("vllm:inter_token_latency_seconds", "Between two tokens of an answer.", (meter) => meter.interToken),
  histogram("vllm:time_per_output_token_seconds", "The older name of the inter-token latency.", (meter) => meter.interToken),
  histogram("vllm:request_time_per_output_token_seconds", "Mean time between an answer's tokens.", (m) => m.perOutputToken),
  histogram("vllm:e2e_request_latency_seconds", "From a request's arrival to the end of its answer.", (meter) => meter.latency),
  histogram("vllm:request_queue_time_seconds", "What a request waited for its turn.", (meter) => meter.queue),
  histogram("vllm:request_inference_time_seconds", "From a request's turn to the end of its answer.", (m) => m.inference),
  histogram("vllm:request_prefill_time_seconds", "From a request's turn to its first token.", (meter) => meter.prefill),
  histogram("vllm:request_decode_time_seconds", "From the first token to the last.", (meter) => meter.decode),
];

/** The page of these meters by model name. */
export function vllmPage(meters: ReadonlyMap<string, Meter>, facts: PageFacts): string {
  return families.map((family) => familyText(family, meters, facts)).join("");
}

function familyText({ name, help, values }: Family, meters: ReadonlyMap<string, Meter>, facts: PageFacts): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} ${values.type}\n`;
  for (const [model, meter] of meters) text += linesOf(name, values, `engine="0",model_name="${escaped(model)}"`, meter, facts);
  return text;
}

function linesOf(name: string, values: FamilyValues, labels: string, meter: Meter, facts: PageFacts): string {
  if ("of" in values) return `${name}{${labels}} ${values.of(meter, facts)}\n`;
  if ("histogram" in values) return histogramLines(name, values.histogram(meter), labels);
  const lines = Object.entries(values.by(meter)).map(
    ([value, count]) => `${name}{${labels},${values.label}="${value}"} ${count}\n`,
  );
  return lines.join("");
}

function histogramLines(name: string, { bounds, counts, sum }: Histogram, labels: string): string {
  let total = 0;
  let text = "";
  for (const [i, count] of counts.entries()) {
    total += count;
    text += `${name}_bucket{${labels},le="${boundText(bounds[i])}"} ${total}\n`;
  }
  return `${text}${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${total}\n`;
}

/** As Python's client prints a bound, which vLLM uses: always with a fraction. */
function boundText(bound: number | undefined): string {
  if (bound === undefined) return "+Inf";
  return Number.isInteger(bound) ? `${bound}.0` : `${bound}`;
}

function gauge(name: string, help: string, of: (meter: Meter, page: PageFacts) => number): Family {
  return { name, help, values: { type: "gauge", of } };
}

function counter(name: string, help: string, of: (meter: Meter) => number): Family {
  return { name, help, values: { type: "counter", of } };
}

function histogram(name: string, help: string, of: (meter: Meter) => Histogram): Family {
  return { name, help, values: { type: "histogram", histogram: of } };
}

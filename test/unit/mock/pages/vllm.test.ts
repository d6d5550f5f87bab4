import { expect } from "chai";
import { Histogram, Meter } from "../../../../mock/pages/meter.ts";
import { vllmPage } from "../../../../mock/pages/vllm.ts";
import type { TextRequest } from "../../../../mock/text/request.ts";
import { parseMetricsPage } from "../../../support/metrics-page.ts";

const facts = { kvCacheTokens: 100 };
const request = { choices: 2, tokens: 5, promptTokens: 7, cachedTokens: 3, finishReason: "length" } as TextRequest;

/** Values by name and by the labels that are not the same on every line. */
function valuesOf(meter: Meter): Map<string, number> {
  const { samples } = parseMetricsPage(vllmPage(new Map([["m", meter]]), facts));
  return new Map(
    samples.map(({ name, labels, value }) => {
      expect([labels.get("engine"), labels.get("model_name")]).to.deep.equal(["0", "m"]);
      return [[name, labels.get("le") ?? labels.get("finished_reason") ?? ""].join(" ").trim(), value];
    }),
  );
}

describe("a histogram of the mock", () => {
  it("counts a value to the first bound that is not below it", () => {
    const histogram = new Histogram([1, 2, 5]);
    for (const value of [0, 1, 1.5, 2, 5, 6]) histogram.observe(value);
    histogram.observe(3, 10);
    expect(histogram.counts).to.deep.equal([2, 2, 11, 1]);
    expect(histogram.sum).to.equal(45.5);
  });
});

describe("the mock's vLLM page", () => {
  it("has every family from the beginning, with its type", () => {
    const { types, helps, samples } = parseMetricsPage(vllmPage(new Map([["m", new Meter()]]), facts));
    expect([...types.keys()]).to.deep.equal([...helps.keys()]);
    expect(Object.fromEntries(types)).to.include({
      "vllm:num_requests_running": "gauge",
      "vllm:num_requests_waiting": "gauge",
      "vllm:kv_cache_usage_perc": "gauge",
      "vllm:prompt_tokens_total": "counter",
      "vllm:generation_tokens_total": "counter",
      "vllm:request_success_total": "counter",
      "vllm:prefix_cache_queries_total": "counter",
      "vllm:prefix_cache_hits_total": "counter",
      "vllm:time_to_first_token_seconds": "histogram",
      "vllm:inter_token_latency_seconds": "histogram",
      "vllm:time_per_output_token_seconds": "histogram",
      "vllm:e2e_request_latency_seconds": "histogram",
    });
    expect(samples.every(({ value }) => value === 0)).to.equal(true);
  });

  it("shows what was counted", () => {
    const meter = new Meter();
    meter.running = 3;
    meter.waiting = 4;
    meter.heldTokens = 40;
    meter.first(request, 2, 0.03e9);
    meter.further(request, 3, 0.3e9);
    meter.whole(request, { receivedNs: 0, startNs: 1e9, firstNs: 1.5e9, endNs: 3.5e9 });
    const values = valuesOf(meter);
    expect(values.get("vllm:num_requests_running")).to.equal(3);
    expect(values.get("vllm:num_requests_waiting")).to.equal(4);
    expect(values.get("vllm:kv_cache_usage_perc")).to.equal(0.4);
    expect(values.get("vllm:prompt_tokens_total")).to.equal(7);
    expect(values.get("vllm:prefix_cache_queries_total")).to.equal(7);
    expect(values.get("vllm:prefix_cache_hits_total")).to.equal(3);
    expect(values.get("vllm:generation_tokens_total")).to.equal(10);
    expect(values.get("vllm:request_success_total length")).to.equal(1);
    expect(values.get("vllm:request_success_total stop")).to.equal(0);
    expect(values.get("vllm:time_to_first_token_seconds_sum")).to.equal(0.03);
    expect(values.get("vllm:time_to_first_token_seconds_bucket 0.02")).to.equal(0);
    expect(values.get("vllm:time_to_first_token_seconds_bucket 0.04")).to.equal(1);
    expect(values.get("vllm:time_to_first_token_seconds_bucket +Inf")).to.equal(1);
    // Of five tokens of two choices, four follow another: one of them at once, three a tenth of a second apart.
    expect(values.get("vllm:inter_token_latency_seconds_count")).to.equal(8);
    expect(values.get("vllm:inter_token_latency_seconds_sum")).to.be.closeTo(0.6, 1e-9);
    expect(values.get("vllm:time_per_output_token_seconds_count")).to.equal(8);
    expect(values.get("vllm:request_time_per_output_token_seconds_sum")).to.equal(0.5);
    expect(values.get("vllm:e2e_request_latency_seconds_sum")).to.equal(3.5);
    expect(values.get("vllm:request_queue_time_seconds_sum")).to.equal(1);
    expect(values.get("vllm:request_prefill_time_seconds_sum")).to.equal(0.5);
    expect(values.get("vllm:request_decode_time_seconds_sum")).to.equal(2);
    expect(values.get("vllm:request_inference_time_seconds_sum")).to.equal(2.5);
    expect(values.get("vllm:request_generation_tokens_sum")).to.equal(10);
  });

  it("counts requests, prompts and times of answers that are data, and no tokens", () => {
    const meter = new Meter();
    const data = { ...request, isData: true };
    meter.first(data, 1, 0.03e9);
    meter.further(data, 3, 0.3e9);
    meter.whole(data, { receivedNs: 0, startNs: 1e9, firstNs: 1.5e9, endNs: 3.5e9 });
    const values = valuesOf(meter);
    expect(values.get("vllm:prompt_tokens_total")).to.equal(7);
    expect(values.get("vllm:request_success_total length")).to.equal(1);
    expect(values.get("vllm:e2e_request_latency_seconds_count")).to.equal(1);
    for (const name of ["time_to_first_token_seconds", "inter_token_latency_seconds", "request_time_per_output_token_seconds"]) {
      expect(values.get(`vllm:${name}_count`), name).to.equal(0);
    }
    expect(values.get("vllm:generation_tokens_total")).to.equal(0);
    expect(values.get("vllm:request_generation_tokens_count")).to.equal(0);
  });

  it("never shows more than the whole KV cache, and does not count what no cache was asked for", () => {
    const meter = new Meter();
    meter.heldTokens = 1000;
    meter.first({ ...request, cachedTokens: undefined }, 1, 0);
    const values = valuesOf(meter);
    expect(values.get("vllm:kv_cache_usage_perc")).to.equal(1);
    expect(values.get("vllm:prefix_cache_queries_total")).to.equal(0);
  });

  it("names each model, whatever is in its name", () => {
    const names = ["a", 'b"\\\n', "ü/x"];
    const page = vllmPage(new Map(names.map((name) => [name, new Meter()])), facts);
    expect(page).to.include('vllm:num_requests_running{engine="0",model_name="b\\"\\\\\\n"} 0\n');
    const { samples } = parseMetricsPage(page);
    expect([...new Set(samples.map(({ labels }) => labels.get("model_name")))]).to.deep.equal(names);
  });
});

import { expect } from "chai";
import { unitOf } from "../../../../../services/telemetry/core/sources/unit.ts";

describe("unitOf", () => {
  const rows: [string, string, string][] = [
    ["vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", "percent"],
    ["vllm:kv_cache_usage_perc", "KV-cache usage (0-1)", "ratio"],
    ["DCGM_UTIL", "Use (0-100)", "percent"],
    ["load_seconds", "Share of time (0.0-1.0)", "ratio"],
    ["request_latency", "Latency in seconds.", "seconds"],
    ["wait", "Waiting time (ms)", "milliseconds"],
    ["wait_bytes", "Waiting time in milliseconds", "milliseconds"],
    ["vllm:e2e_request_latency_seconds", "", "seconds"],
    ["process_cpu_seconds_total", "Total user and system CPU time", "seconds"],
    ["nv_inference_request_duration_us", "", "microseconds"],
    ["gc_ns_total", "", "nanoseconds"],
    ["process_resident_memory_bytes", "", "bytes"],
    ["sent_bytes_total", "", "bytes"],
    ["vllm:prompt_tokens_total", "", "tokens"],
    ["vllm:request_success_total", "", "requests"],
    ["vllm:num_requests_running", "", "requests"],
    ["sglang:num_running_reqs", "", "requests"],
    ["scrape_errors_total", "", "errors"],
    ["vllm:num_preemptions_total", "", "count"],
    ["open_count", "", "count"],
    ["kv_blocks", "", "blocks"],
    ["link_gb_s", "", "gb/s"],
    ["cache_hit_ratio", "", "ratio"],
    ["room_celsius", "", "celsius"],
    ["used_joules_total", "", "joules"],
    ["drawn_watts", "", "watts"],
    ["up", "", ""],
  ];
  for (const [family, help, unit] of rows) {
    it(`says ${unit === "" ? "nothing" : unit} of ${family}${help === "" ? "" : ` with “${help}”`}`, () => {
      expect(unitOf(family, help)).to.equal(unit);
    });
  }
});

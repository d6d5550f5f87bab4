import { readFileSync } from "node:fs";
import { expect } from "chai";
import { type CommonName, commonSeries } from "../../../services/common/vocabulary/vocabulary.ts";
import { createPageSource } from "../../../services/telemetry/core/sources/page.ts";
import type { SeriesFacts } from "../../../services/telemetry/core/sources/series.ts";

const bytesOf = (name: string) => readFileSync(new URL(`../../fixtures/${name}.prom`, import.meta.url));

/** Series with their values. */
function read(name: string): (SeriesFacts & { readonly value: number })[] {
  const reader = createPageSource();
  const { ids, values } = reader.read(bytesOf(name).toString());
  return Array.from(ids, (id, at) => ({ ...(reader.series[id] as SeriesFacts), value: values[at] ?? Number.NaN }));
}

const gpusOf = (name: string) => {
  const gpus = new Map<string, { labels: SeriesFacts["labels"]; values: Record<string, number> }>();
  for (const { subject, labels, name: field, value } of read(name)) {
    const gpu = gpus.get(subject) ?? { labels, values: {} };
    gpus.set(subject, { ...gpu, values: { ...gpu.values, [field]: value } });
  }
  return Array.from(gpus, ([key, gpu]) => ({ key, ...gpu }));
};

describe("pages as dcgm-exporter prints them", () => {
  it("are read in the old form: Hostname, blanks after commas, sentinels for blank values", () => {
    const labels = { device: "nvidia0", hostname: "node-a", index: "0", model: "Tesla T4" };
    expect(gpusOf("dcgm/old")).to.deep.equal([
      {
        key: "GPU-604ac76c-d9cf-fef3-62e9-d92044ab6e52",
        labels,
        values: {
          nvidia_sm_clock: 139,
          nvidia_memory_clock: 405,
          nvidia_temperature: 31,
          nvidia_power_usage: 12.458,
          nvidia_energy_consumption: 318472.213,
          nvidia_pcie_replays: 0,
          nvidia_gpu_utilization: 0,
          nvidia_xid_errors: 0,
          nvidia_memory_used: 0,
          nvidia_vgpu_license_status: 0,
        },
      },
      {
        key: "GPU-1a2b3c4d-0000-4f4f-8888-123456789abc",
        labels: { ...labels, device: "nvidia1", index: "1", namespace: "bench", pod: "server-0", container: "server" },
        values: {
          nvidia_sm_clock: 1590,
          nvidia_memory_clock: 5000,
          nvidia_temperature: 64,
          nvidia_power_usage: 69.127,
          nvidia_energy_consumption: 1871034.402,
          nvidia_pcie_replays: 0,
          nvidia_gpu_utilization: 97,
          nvidia_encoder_utilization: 0,
          nvidia_xid_errors: 0,
          nvidia_power_violation: 0,
          nvidia_memory_used: 14.900264960000001,
          nvidia_vgpu_license_status: 0,
        },
      },
    ]);
  });

  it("are read in the new form: hostname, quotes that are not escaped, a switch beside the GPU", () => {
    const [gpu, ...others] = gpusOf("dcgm/new");
    expect(others).to.deep.equal([]);
    expect(gpu?.labels).to.deep.equal({
      index: "0",
      pci_bus_id: "00000000:01:00.0",
      device: "nvidia0",
      model: "NVIDIA H100 80GB HBM3",
      hostname: "node1",
      DCGM_FI_DRIVER_VERSION: "550.54.15",
    });
    expect(gpu?.values).to.deep.equal({
      nvidia_sm_clock: 1980,
      nvidia_temperature: 52,
      nvidia_power_usage: 71.302,
      nvidia_energy_consumption: 8412307.746,
      nvidia_gpu_utilization: 36,
      nvidia_nvlink_bandwidth: 0,
      nvidia_xid_errors: 31,
      nvidia_memory_used: 41.94304,
      nvidia_sm_utilization: 25,
    });
  });

  it("are read with MIG instances apart and their board once", () => {
    const uuid = "GPU-5f3f0e57-9f3d-4b0f-8c3a-5a3c0c6f0a11";
    expect(gpusOf("dcgm/mig").map(({ key, values }) => [key, values])).to.deep.equal([
      [uuid, { nvidia_power_usage: 212.5, nvidia_energy_consumption: 99000 }],
      [`${uuid}/1`, { nvidia_memory_used: 31.45728, nvidia_graphics_engine_active: 75 }],
      [`${uuid}/2`, { nvidia_memory_used: 12.582912, nvidia_graphics_engine_active: 12.5 }],
    ]);
  });
});

describe("pages as AMD's exporter prints them", () => {
  const first = "e8ff74a1-0000-1000-8004-4c2b1a0f9e8d";

  it("have power and energy of the GPU once, activity and memory of each partition", () => {
    const [gpu, part, second] = gpusOf("metrics/amd").sort((one, other) => (one.key < other.key ? -1 : 1));
    expect(gpu?.key).to.equal(first);
    expect(gpu?.values).to.deep.equal({
      // The package's power, not its average.
      amd_power: 311,
      amd_energy_consumption: 19421558.342,
      amd_gfx_activity: 93,
      amd_umc_activity: 41,
      amd_temperature: 61,
      amd_memory_temperature: 50,
      amd_memory_used: 150000 * 1.048576e-3,
      amd_memory_total: 196592 * 1.048576e-3,
      amd_sm_clock: 2100,
      amd_mem_clock: 1300,
      amd_health: 1,
    });
    expect(gpu?.labels).to.deep.include({ index: "0", model: "0x74a1", hostname: "gfx-node" });
    expect(gpu?.labels).not.to.have.property("pod");
    expect(part?.key).to.equal(`${first}/1`);
    expect(Object.keys(part?.values ?? {})).to.deep.equal([
      "amd_gfx_activity",
      "amd_umc_activity",
      "amd_memory_used",
      "amd_memory_total",
    ]);
    // The largest number of 64 bits says that there is none.
    expect(second?.values).to.include({ amd_power: 140 }).and.not.to.have.property("amd_memory_temperature");
  });

  it("are known behind a prefix, and have the average power where there is no other", () => {
    expect(gpusOf("metrics/amd-prefix").find(({ key }) => key === first)?.values).to.include({
      amd_power: 312,
      amd_sm_clock: 2100,
    });
  });
});

describe("pages of servers", () => {
  /** Gauges and counters by common name, summed over labels; of histograms and summaries sum and count. */
  const commonOf = (name: string) => {
    const found: Partial<Record<CommonName, number | readonly number[]>> = {};
    for (const [common, { meaning, series }] of commonSeries(read(name))) {
      const total = (ending: string) =>
        series.filter((each) => each.name.endsWith(ending)).reduce((sum, { value }) => sum + value, 0);
      const isDistribution = series.some(({ name: printed, type }) => printed.endsWith("_count") && type !== "gauge");
      const whole = Number((total("") * meaning.scale).toPrecision(12));
      found[common] = isDistribution ? [Number((total("_sum") * meaning.scale).toPrecision(12)), total("_count")] : whole;
    }
    return found;
  };

  const rows: readonly (readonly [string, ReturnType<typeof commonOf>])[] = [
    [
      "vllm",
      {
        running: 16,
        waiting: 3,
        kv_cache_usage: 0.2734375,
        prompt_tokens: 70400,
        generation_tokens: 20480,
        requests_succeeded: 128,
        requests_failed: 4,
        ttft: [9.24, 132],
        itl: [3.3, 132],
        e2e: [264, 132],
        queue: [0.66, 132],
        preemptions: 2,
        prefix_cache_hits: 24576,
        prefix_cache_queries: 81920,
        spec_decode_drafts: 5000,
        spec_decode_draft_tokens: 15000,
        spec_decode_accepted_tokens: 9000,
      },
    ],
    [
      "sglang",
      {
        running: 32,
        waiting: 7,
        kv_cache_usage: 0.41,
        prompt_tokens: 128201,
        generation_tokens: 7557572,
        requests_succeeded: 640,
        requests_failed: 5,
        ttft: [198.4, 640],
        itl: [12.8, 640],
        e2e: [3200, 640],
        queue: [6.4, 640],
        prefix_cache_hits: 16384,
      },
    ],
    ...["trtllm", "trtllm-colon"].map(
      (name) =>
        [
          name,
          {
            running: 8,
            waiting: 1,
            kv_cache_usage: 0.125,
            prompt_tokens: 9000,
            generation_tokens: 4096,
            requests_succeeded: 64,
            requests_failed: 2,
            ttft: [6.6, 66],
            itl: [0.66, 66],
            e2e: [33, 66],
            queue: [0.33, 66],
          },
        ] as const,
    ),
    [
      "triton",
      {
        running: 9,
        waiting: 5,
        kv_cache_usage: 0.4875,
        requests_succeeded: 4800,
        requests_failed: 6,
        ttft: [96, 4800],
        e2e: [9.6, 4800],
        queue: 0.48,
      },
    ],
    [
      "tgi",
      {
        running: 12,
        waiting: 4,
        prompt_tokens: 210000,
        generation_tokens: 42000,
        requests_succeeded: 420,
        requests_failed: 8,
        itl: [9.24, 420],
        e2e: [630.5, 420],
        queue: [8.4, 420],
      },
    ],
    ["llama-cpp", { running: 2, waiting: 1, prompt_tokens: 5120, generation_tokens: 1984 }],
    [
      "dynamo",
      {
        running: 6,
        waiting: 2,
        prompt_tokens: 155000,
        generation_tokens: 31007,
        requests_succeeded: 310,
        requests_failed: 4,
        ttft: [31, 310],
        itl: [6.2, 310],
        e2e: [155, 310],
        prefix_cache_hits: 15500,
      },
    ],
    ["node-exporter", {}],
  ];
  for (const [name, expected] of rows) {
    it(`say in common words what ${name} counts`, () => expect(commonOf(`metrics/${name}`)).to.deep.equal(expected));
  }

  it("keep everything else under its own name", () => {
    const names = new Set(read("metrics/vllm").map(({ name }) => name));
    for (const kept of ["vllm:iteration_tokens_total_bucket", "vllm:cache_config_info", "process_resident_memory_bytes"])
      expect(names).to.include(kept);
    expect(read("metrics/node-exporter").find(({ labels }) => labels.fstype === "tmpfs")?.labels.device).to.equal('C:\\data"x"');
  });
});

const fixtures = ["dcgm/old", "dcgm/new", "dcgm/mig", "amd", "vllm", "sglang", "trtllm", "triton", "tgi", "llama-cpp"];
const others = ["dynamo", "node-exporter", "openmetrics"];

describe("a page that is cut short", () => {
  for (const name of [...fixtures, ...others].map((each) => (each.includes("/") ? each : `metrics/${each}`))) {
    it(`is refused, or read as far as it goes: ${name}, at every byte`, function () {
      this.timeout(60_000);
      const bytes = bytesOf(name);
      const reader = createPageSource();
      const whole = reader.read(bytes.toString());
      const valueById = new Map(Array.from(whole.ids, (id, at) => [id, whole.values[at]]));
      const seriesOfPage = reader.series.length;
      // Lines are known from the whole page: the reader must not take more of them than stand there.
      for (let end = 0; end <= bytes.length; end++) {
        const isWholeLines = end === 0 || bytes[end - 1] === 10 || end === bytes.length;
        try {
          const { ids, values } = reader.read(bytes.subarray(0, end).toString());
          expect(ids.every((id, at) => id < seriesOfPage || values[at] === valueById.get(id))).to.equal(true);
        } catch (error) {
          expect(error).to.have.property("reason", "METRICS_PAGE_SYNTAX");
          expect(isWholeLines, `cut at ${end}`).to.equal(false);
          continue;
        }
        // The end mark needs no line feed behind it.
        expect(isWholeLines || bytes.subarray(0, end).toString().endsWith("# EOF"), `cut at ${end}`).to.equal(true);
      }
    });
  }
});

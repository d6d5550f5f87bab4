import type { FlagTable } from "./flag.ts";

export const workersFlags = {
  workersMax: {
    flag: "--workers-max",
    aliases: ["--max-workers"],
    kind: { is: "integer", min: 1, max: 1024 },
    value: "N",
    paths: ["workers.max_workers"],
    group: "Workers and telemetry",
    doc: "worker processes at most (default cores − 1, more where descriptors need it, and no more than the load can use)",
  },
  pacing: {
    flag: "--pacing",
    kind: { is: "choice", of: ["normal", "precise"] },
    value: "HOW",
    paths: ["workers.pacing"],
    group: "Workers and telemetry",
    doc: "how requests wait for their time: normal (up to 1 ms late) or precise (some µs, for up to a core a worker; not where --concurrency or --prefill-concurrency holds them back) (default normal)",
  },
  gpuTelemetry: {
    flag: "--gpu-telemetry",
    kind: { is: "urls", not: ["pynvml", "amdsmi", "dashboard"], mayBeBare: true },
    value: "URL",
    paths: ["telemetry.dcgm_urls"],
    group: "Workers and telemetry",
    doc: "pages of DCGM exporters; repeatable (default: ports 9400 and 9401 of this host are tried)",
  },
  noGpuTelemetry: {
    flag: "--no-gpu-telemetry",
    kind: { is: "switch" },
    paths: ["telemetry.disable_gpu"],
    group: "Workers and telemetry",
    doc: "scrape no GPU",
  },
  noServerMetrics: {
    flag: "--no-server-metrics",
    kind: { is: "switch" },
    paths: ["telemetry.disable_server_metrics"],
    group: "Workers and telemetry",
    doc: "scrape no metrics of the server; this version never does",
  },
} as const satisfies FlagTable;

/** AIPerf's configuration file (its YAML v2) as a RunSpec. Pure. */
import { isMap, isScalar, type ParsedNode } from "yaml";

import { readDataset } from "./dataset.ts";
import type { FillOptions, Given, GivenEntry, GivenObject } from "./given.ts";
import { withEnvironment, withVariables } from "./given.ts";
import { readPhases } from "./phases.ts";
import {
  isFalse,
  isTrue,
  type NotHere,
  objectAt,
  own,
  put,
  type Rules,
  readSection,
  seconds,
  snake,
  type Translation,
  textIn,
  valueAt,
} from "./section.ts";

/** What the file asks of the command line. */
export interface FileOptions {
  ui?: "none" | "simple";
  logLevel?: "debug" | "info" | "warn" | "error";
}

/** What the command line says of the file. */
export interface AiperfContext {
  /** Variables that the file may name. */
  readonly env: FillOptions["env"];
}

export interface ReadAiperfConfig {
  /** In the shape of a RunSpec, not yet checked against its types. */
  readonly spec: GivenObject;
  readonly options: FileOptions;
}

/** Whether a document is one of AIPerf's, by the names at its top. */
export function isAiperfConfig(contents: ParsedNode | null): boolean {
  const names = isMap(contents) ? contents.items.map(({ key }) => (isScalar(key) ? String(key.value) : "")) : [];
  return names.some((name) => name === "benchmark" || snake(name) === "schema_version");
}

const sweeps = "start one run for each value, with a file or a folder (--output-artifact-dir) of its own";
const repeats = "start the run again, with a folder of its own (--output-artifact-dir) and a seed (--random-seed)";
const upload = "no results are uploaded: give the run's folder to that tool's own client";
const otlp = "OTEL_EXPORTER_OTLP_ENDPOINT=URL sends traces and metrics by OTLP";
const kubernetes = "assay serve on each host makes a suite of many";

/** Templates of request bodies, and files that are filled in later: not templates of this file. */
const laterTemplates = new Set(["template", "body", "payload_template", "user_files", "userFiles"]);

/** Reads it; everything that is wrong is reported with its place. */
export function readAiperfConfig(document: Given, { env }: AiperfContext, report: Translation["report"]): ReadAiperfConfig {
  const fill: FillOptions = { env, report: (at, problem) => report(at, "", problem) };
  const given = withVariables(withEnvironment(document, fill), laterTemplates, fill);
  const translation: Translation = { spec: objectAt(given.at), report };
  const options: FileOptions = {};
  readSection(
    given,
    "",
    {
      schema_version: { instead: "2.0 is the version that is read", asItIs: ["2.0", 2] },
      benchmark: (entry, path) => readBenchmark(entry.given, path, translation, options),
      random_seed: "random_seed",
      variables: { instead: "", asItIs: "anything" },
      multi_run: (entry, path) => readRepeats(entry.given, path, translation),
      sweep: { instead: sweeps },
      no_sweep_table: { instead: "", asItIs: "anything" },
      plot: { instead: "nothing is plotted; profile_export_aiperf.csv and sliceDuration have the figures" },
    },
    translation,
  );
  return { spec: translation.spec, options };
}

function readBenchmark(given: Given, path: string, translation: Translation, options: FileOptions): void {
  const { spec, report } = translation;
  const off = (instead: string): NotHere => ({ instead });
  const models = (entry: GivenEntry, below: string): void => readModels(entry, below, translation);
  const section =
    (rules: Rules) =>
    ({ given: inner }: GivenEntry, below: string): void =>
      readSection(inner, below, rules, translation);
  const phase: NotHere = { instead: "", asItIs: "anything" };
  readSection(
    given,
    path,
    {
      model: models,
      models,
      endpoint: section(endpointRules(translation)),
      dataset: (entry, below) => readDataset(entry.given, below, translation),
      datasets: (entry, below) => readDatasets(entry.given, below, translation),
      phases: phase,
      warmup: phase,
      profiling: phase,
      artifacts: section(artifactRules(translation)),
      slos: (entry) => put(spec, "slos", slosOf(entry)),
      tokenizer: section({
        name: "tokenizer.name",
        // `main` is anyway meant, and only models on a hub have revisions.
        revision: (entry) => {
          if (textIn(entry.given) !== "main") put(spec, "tokenizer.revision", entry);
        },
        trust_remote_code: { instead: "no code of a tokenizer is run; name is the path of a tokenizer.json", asItIs: [false] },
        apply_chat_template: "tokenizer.apply_chat_template",
      }),
      gpu_telemetry: (entry, below) => readGpuTelemetry(entry, below, translation),
      server_metrics: (entry, below) => readServerMetrics(entry, below, translation),
      network_latency: (entry, below) => readNetworkLatency(entry.given, below, translation),
      otel: off(otlp),
      mlflow: off(upload),
      wandb: off(upload),
      runtime: section(runtimeRules(report, options)),
      logging: section({
        level: (entry, below) => {
          const level = own(logLevels, (textIn(entry.given) ?? "").toUpperCase());
          if (level === undefined) report(entry.keyAt, below, `expected one of ${Object.keys(logLevels).join(", ")}`);
          else options.logLevel = level;
        },
      }),
      metrics: off("--goodput and --slo say what figures are held to"),
      accuracy: off("accuracy benchmarks are not run; --check beside the file holds answers against what rows expect of them"),
      scenario: off("write the scenario's settings into the file"),
      unsafe_override: { instead: "", asItIs: [false] },
    },
    translation,
  );
  const phases = phasesIn(given, path, report);
  if (phases.length === 0) return;
  const items = readPhases(phases, translation);
  put(spec, "phases", { keyAt: items[0]?.at ?? given.at, given: { is: "list", at: given.at, items } });
}

const logLevels: Readonly<Record<string, NonNullable<FileOptions["logLevel"]>>> = {
  TRACE: "debug",
  DEBUG: "debug",
  INFO: "info",
  NOTICE: "info",
  SUCCESS: "info",
  WARNING: "warn",
  ERROR: "error",
  CRITICAL: "error",
};

/** `phases` as a list or one phase, or `warmup` and `profiling`. */
function phasesIn(given: Given, path: string, report: Translation["report"]) {
  if (given.is !== "object") return [];
  const { entries } = given;
  const phases = entries.get("phases");
  const named = (["warmup", "profiling"] as const).flatMap((name) => {
    const entry = entries.get(name);
    return entry === undefined ? [] : [{ name, given: entry.given, path: `${path}.${name}`, keyAt: entry.keyAt }];
  });
  if (phases === undefined) {
    const [first] = named;
    if (first?.name === "warmup" && named.length === 1) report(first.keyAt, first.path, "needs profiling beside it");
    return named;
  }
  for (const { keyAt, path: below } of named) report(keyAt, below, `not together with ${path}.phases`);
  const list = phases.given;
  if (list.is !== "list") return [{ name: "profiling", given: list, path: `${path}.phases` }];
  return list.items.map((item, index) => ({ name: undefined, given: item, path: `${path}.phases[${index}]` }));
}

/** A name, names, or `{strategy, items: [{name, weight}]}`. */
function readModels({ keyAt, given }: GivenEntry, path: string, { spec, report }: Translation): void {
  if (given.is === "scalar") {
    put(spec, "models", { keyAt, given: { is: "list", at: given.at, items: [given] } });
    return;
  }
  if (given.is === "list") {
    const items = given.items.map((item) => (item.is === "object" ? (item.entries.get("name")?.given ?? item) : item));
    put(spec, "models", { keyAt, given: { is: "list", at: given.at, items } });
    return;
  }
  const notThere = { instead: "the tokenizer of the run counts for all models" };
  readSection(
    given,
    path,
    {
      strategy: "model_selection",
      items: (entry, below) => {
        const list = entry.given.is === "list" ? entry.given.items : [];
        const models = list.map((item, index) => {
          const model = objectAt(item.at);
          const rules = { name: "name", weight: "weight", lora: { instead: "name the adapter as a model" }, tokenizer: notThere };
          const modalities = { instead: "", asItIs: "anything" } as const;
          readSection(item, `${below}[${index}]`, { ...rules, modalities }, { spec: model, report });
          return model;
        });
        const values = (name: string): Given[] => models.flatMap(({ entries }) => entries.get(name)?.given ?? []);
        put(spec, "models", { keyAt: entry.keyAt, given: { is: "list", at: entry.given.at, items: values("name") } });
        const weights = values("weight");
        if (weights.length === 0) return;
        put(spec, "model_weights", { keyAt: entry.keyAt, given: { is: "list", at: entry.given.at, items: weights } });
      },
    },
    { spec, report },
  );
}

function endpointRules({ spec, report }: Translation): Rules {
  const urls = ({ keyAt, given }: GivenEntry): void => {
    const items = given.is === "list" ? given.items : [given];
    put(spec, "target.urls", { keyAt, given: { is: "list", at: given.at, items } });
  };
  const profiler = { instead: "POST /start_profile and /stop_profile with curl before and after the run", asItIs: [false] };
  return {
    url: urls,
    urls,
    url_strategy: "target.url_strategy",
    type: "endpoint.type",
    path: "endpoint.path",
    api_key: "target.api_key",
    timeout: (entry) => put(spec, "target.request_timeout_sec", seconds(entry)),
    streaming: "endpoint.streaming",
    transport: { instead: "--transport says which there are", asItIs: ["http"] },
    connection_reuse: "target.connection_reuse",
    use_legacy_max_tokens: "endpoint.use_legacy_max_tokens",
    use_server_token_count: "endpoint.use_server_token_count",
    per_chunk_usage: { instead: "of a stream the last usage counts", asItIs: [false] },
    template: ({ given }, path) => {
      const rules: Rules = {
        body: "endpoint.template.body",
        // `text` is AIPerf's word for looking for it.
        response_field: (entry) => {
          if (textIn(entry.given) !== "text") put(spec, "endpoint.template.response_field", entry);
        },
      };
      readSection(given, path, rules, { spec, report });
    },
    headers: "target.headers",
    extra: "endpoint.extra_inputs",
    download_video_content: "endpoint.download_video_content",
    request_content_type: "endpoint.request_content_type",
    session_header: "target.session_header",
    uuid_and_strip: { instead: "images are sent whole in every turn", asItIs: [false] },
    wait_for_model_timeout: (entry) => put(spec, "target.wait_for_model.timeout_sec", seconds(entry)),
    wait_for_model_interval: (entry) => put(spec, "target.wait_for_model.interval_sec", seconds(entry)),
    wait_for_model_mode: "target.wait_for_model.mode",
    reset_kv_cache: (entry, path) => {
      if (isFalse(entry.given)) return;
      put(spec, "target.reset_kv_cache_path", valueAt(entry, "/reset_prefix_cache"));
      if (isTrue(entry.given)) return;
      const rules: Rules = {
        path: "target.reset_kv_cache_path",
        timeout_seconds: "target.reset_kv_cache_timeout_sec",
        max_retry_seconds: { instead: "a busy server is asked again for 60 s", asItIs: [60] },
      };
      readSection(entry.given, path, rules, { spec, report });
    },
    server_profiler: profiler,
  };
}

function readDatasets(given: Given, path: string, translation: Translation): void {
  if (given.is !== "list" || given.items.length !== 1) {
    translation.report(given.at, path, "expected a list of one dataset");
    return;
  }
  const [only = given] = given.items;
  readDataset(only, `${path}[0]`, translation);
}

function artifactRules({ spec }: Translation): Rules {
  const asked = (entry: GivenEntry, level: string): void => {
    put(spec, "output.export_level", valueAt(entry, level));
  };
  return {
    dir: "output.artifact_dir",
    prefix: "output.export_prefix",
    summary: { instead: "profile_export_aiperf.json is always written", asItIs: ["json"] },
    records: (entry) => {
      if (isFalse(entry.given) && !spec.entries.has("raw")) asked(entry, "summary");
    },
    raw: (entry) => {
      if (isTrue(entry.given)) asked(entry, "raw");
    },
    trace: "output.export_http_trace",
    slice_duration: (entry) => put(spec, "output.slice_sec", seconds(entry)),
    show_trace_timing: "output.show_trace_timing",
    user_files: { instead: "write them beside the run's folder; run.db keeps the whole spec" },
    auto_plot: { instead: "nothing is plotted", asItIs: [false] },
    plot_required: { instead: "nothing is plotted", asItIs: [false] },
    export_outputs_json: "output.export_outputs_json",
  };
}

/** A bound for each metric. */
function slosOf(entry: GivenEntry): GivenEntry {
  const { keyAt, given } = entry;
  if (given.is !== "object") return entry;
  const items = [...given.entries].map(([metric, bound]) => {
    const slo = objectAt(bound.keyAt);
    put(slo, "metric", valueAt(bound, metric));
    put(slo, "threshold", bound);
    return slo;
  });
  return { keyAt, given: { is: "list", at: given.at, items } };
}

/** One URL, or an object. */
function readGpuTelemetry({ keyAt, given }: GivenEntry, path: string, translation: Translation): void {
  const { spec } = translation;
  const urls = ({ given: named }: GivenEntry): void => put(spec, "telemetry.dcgm_urls", listOf({ keyAt, given: named }));
  if (given.is === "scalar") {
    urls({ keyAt, given });
    return;
  }
  readSection(
    given,
    path,
    {
      enabled: (entry) => {
        if (isFalse(entry.given)) put(spec, "telemetry.disable_gpu", valueAt(entry, true));
      },
      url: urls,
      urls,
      collector: { instead: "pages of exporters are read, or nvidia-smi as one of the urls", asItIs: ["dcgm"] },
      mode: { instead: "figures of GPUs are in the results and in run.db", asItIs: ["summary"] },
      metrics_file: "telemetry.gpu_metrics_csv",
    },
    translation,
  );
}

/** One URL, or an object. */
function readServerMetrics({ keyAt, given }: GivenEntry, path: string, translation: Translation): void {
  const { spec } = translation;
  const urls = ({ given: named }: GivenEntry): void =>
    put(spec, "telemetry.server_metrics_urls", listOf({ keyAt, given: named }));
  if (given.is === "scalar") {
    if (isFalse(given)) put(spec, "telemetry.disable_server_metrics", valueAt({ keyAt, given }, true));
    else if (!isTrue(given)) urls({ keyAt, given });
    return;
  }
  readSection(
    given,
    path,
    {
      enabled: (entry) => {
        if (isFalse(entry.given)) put(spec, "telemetry.disable_server_metrics", valueAt(entry, true));
      },
      url: urls,
      urls,
      formats: (entry) => put(spec, "telemetry.server_metrics_formats", listOf(entry)),
    },
    translation,
  );
}

/** One value is a list of one. */
function listOf({ keyAt, given }: GivenEntry): GivenEntry {
  return { keyAt, given: { is: "list", at: given.at, items: given.is === "list" ? given.items : [given] } };
}

function readNetworkLatency(given: Given, path: string, translation: Translation): void {
  const { spec } = translation;
  const mean = given.is === "object" ? (given.entries.get("meanMs") ?? given.entries.get("mean_ms")) : undefined;
  readSection(
    given,
    path,
    {
      enabled: (entry) => {
        if (isTrue(entry.given) && mean === undefined) put(spec, "output.measure_network_latency", entry);
      },
      // It says nothing where nothing is measured.
      ping_interval: (entry) => {
        if (mean === undefined) put(spec, "output.network_latency_ping_interval_sec", entry);
      },
      mean_ms: "output.network_latency_ms",
    },
    translation,
  );
}

function runtimeRules(report: Translation["report"], options: FileOptions): Rules {
  return {
    ui: (entry, path) => {
      const ui = textIn(entry.given);
      if (ui === "none" || ui === "simple") options.ui = ui;
      else report(entry.keyAt, path, "expected none or simple: there is no dashboard");
    },
    workers: "workers.max_workers",
    workers_min: { instead: "all workers are started before the run" },
    record_processors: "workers.record_processors",
    service_run_type: { instead: kubernetes, asItIs: ["multiprocessing"] },
    communication: { instead: "processes speak gRPC; assay serve --host and --port say where" },
    api_port: { instead: "assay serve has an API for runs on --controller" },
    api_host: { instead: "assay serve has an API for runs on --controller" },
    dataset_api_base_url: { instead: kubernetes },
    workers_per_pod: { instead: kubernetes },
    record_processors_per_pod: { instead: kubernetes },
    stats_interval: { instead: "--ui simple and assay watch show the state of a run" },
  };
}

/** One run asks for nothing of all this. */
function readRepeats(given: Given, path: string, translation: Translation): void {
  const ofSeveral: NotHere = { instead: repeats, asItIs: "anything" };
  readSection(
    given,
    path,
    {
      num_runs: { instead: repeats, asItIs: [1] },
      cooldown_seconds: ofSeveral,
      confidence_level: ofSeveral,
      set_consistent_seed: ofSeveral,
      disable_warmup_after_first: ofSeveral,
      vary_seed_per_trial: ofSeveral,
      convergence: { instead: repeats },
    },
    translation,
  );
}

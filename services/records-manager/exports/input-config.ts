/**
 * `input_config` of the summary: the run's effective spec under the names of AIPerf's configuration, for what AIPerf has a name for.
 * Secrets are masked before a spec is stored. The spec itself, whole, is in the summary beside it.
 */
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import {
  ArrivalPattern,
  type CancellationSpec,
  ConnectionReuse,
  type DatasetSpec,
  type Distribution,
  type EndpointSpec,
  ModelSelection,
  type OutputSpec,
  type PhaseSpec,
  type RampSpec,
  type RateLoad,
  type RunSpec,
  Sampling,
  type ScheduleLoad,
  type TargetSpec,
} from "../../../gen/assay/common/v1/run_spec_pb.js";
import { Float, type JsonObject } from "./json-text.ts";

/** @param folder where the run's files lie */
export function inputConfig(spec: RunSpec, folder: string): JsonObject {
  const { dataset, tokenizer, telemetry, workers, output } = spec;
  return {
    models: {
      strategy: strategyNames[spec.modelSelection],
      items: spec.models.map((name, index) => ({ name, weight: floatOf(spec.modelWeights[index]) })),
    },
    endpoint: endpointConfig(spec.target, spec.endpoint),
    datasets: [{ name: "main", ...datasetConfig(dataset), random_seed: spec.randomSeed }],
    phases: spec.phases.map(phaseConfig),
    artifacts: artifactsConfig(output, folder),
    tokenizer: tokenizer === undefined ? undefined : { name: tokenizer.name },
    gpu_telemetry: {
      enabled: telemetry?.disableGpu !== true,
      urls: listOf(telemetry?.dcgmUrls),
    },
    runtime: { workers: workers?.maxWorkers },
    slos: slosConfig(spec),
  };
}

function slosConfig({ slos }: RunSpec): JsonObject | undefined {
  if (slos.length === 0) return undefined;
  return Object.fromEntries(slos.map(({ metric, threshold }) => [metric, new Float(threshold)]));
}

/** Round robin is what AIPerf does where nothing is said. */
const strategyNames: Readonly<Partial<Record<ModelSelection, string>>> = {
  [ModelSelection.RANDOM]: "random",
  [ModelSelection.WEIGHTED]: "weighted",
};

function endpointConfig(target: TargetSpec | undefined, endpoint: EndpointSpec | undefined): JsonObject {
  const { apiKey = "", headers = {}, connectionReuse, requestTimeoutSec } = target ?? {};
  const extra = endpoint?.extraInputs ?? {};
  return {
    urls: (target?.urls ?? []).map(({ url }) => url),
    type: endpoint?.type,
    path: textOf(endpoint?.path),
    api_key: textOf(apiKey),
    timeout: floatOf(requestTimeoutSec),
    streaming: endpoint?.streaming ?? false,
    connection_reuse: connectionReuse === undefined ? undefined : reuseNames[connectionReuse],
    use_legacy_max_tokens: endpoint?.useLegacyMaxTokens === true ? true : undefined,
    use_server_token_count: endpoint?.useServerTokenCount === true ? true : undefined,
    headers: Object.keys(headers).length === 0 ? undefined : headers,
    extra: Object.keys(extra).length === 0 ? undefined : extra,
  };
}

const reuseNames: Readonly<Partial<Record<ConnectionReuse, string>>> = {
  [ConnectionReuse.POOLED]: "pooled",
  [ConnectionReuse.NEVER]: "never",
  [ConnectionReuse.STICKY_USER_SESSIONS]: "sticky-user-sessions",
};

function datasetConfig(dataset: DatasetSpec | undefined): JsonObject {
  const source = dataset?.source;
  const common = {
    entries: dataset?.entries,
    sampling: dataset === undefined ? undefined : samplingNames[dataset.sampling],
  };
  if (source?.case === "file") {
    const { path, format, outputTokens } = source.value;
    return { type: "file", path, format: textOf(format), ...common, osl: distribution(outputTokens) };
  }
  if (source?.case !== "synthetic") return { type: source?.case, ...common };
  const { inputTokens, outputTokens, turns, turnDelayMs } = source.value;
  return {
    type: "synthetic",
    ...common,
    prompts: { isl: distribution(inputTokens), osl: distribution(outputTokens) },
    turns: distribution(turns),
    turn_delay: distribution(turnDelayMs),
  };
}

const samplingNames: Readonly<Partial<Record<Sampling, string>>> = {
  [Sampling.SEQUENTIAL]: "sequential",
  [Sampling.RANDOM]: "random",
  [Sampling.SHUFFLE]: "shuffle",
  [Sampling.WEIGHTED]: "weighted",
};

function distribution(given: Distribution | undefined): JsonObject | undefined {
  if (given === undefined) return undefined;
  return { mean: new Float(given.mean), stddev: given.stddev === 0 ? undefined : new Float(given.stddev) };
}

function phaseConfig(phase: PhaseSpec, index: number, phases: readonly PhaseSpec[]): JsonObject {
  const { name, kind, load, stop, graceSec, prefillConcurrency, cancellation, ramps } = phase;
  const durationSec = stop?.durationSec;
  return {
    name,
    kind: kind === PhaseKind.WARMUP ? "warmup" : "profiling",
    type: typeOf(load),
    exclude_from_results: kind === PhaseKind.WARMUP ? true : undefined,
    requests: stop?.requestCount,
    sessions: stop?.sessionCount,
    duration: floatOf(durationSec),
    concurrency: load.case === "concurrency" ? load.value.limit : load.value?.concurrencyCeiling,
    concurrency_ramp: rampConfig(ramps, "concurrency"),
    prefill_concurrency: prefillConcurrency,
    prefill_ramp: rampConfig(ramps, "prefill_concurrency"),
    // AIPerf has a grace period beside a duration only; JSON has no number without end.
    grace_period: durationSec === undefined || graceSec === Number.POSITIVE_INFINITY ? undefined : floatOf(graceSec),
    cancellation: cancellationConfig(cancellation),
    // AIPerf says it of the phase that does not wait, the spec of the one that is not waited for.
    seamless: phases[index - 1]?.isSeamless === true ? true : undefined,
    rate: rateConfig(load),
    rate_ramp: rampConfig(ramps, "rate"),
    users: load.case === "userCentric" ? load.value.users : undefined,
    smoothness: load.case === "rate" ? floatOf(load.value.smoothness) : undefined,
    rate_series: load.case === "rate" ? seriesConfig(load.value) : undefined,
    ...(load.case === "schedule" ? scheduleConfig(load.value) : {}),
  };
}

function rampConfig(ramps: readonly RampSpec[], wanted: string): JsonObject | undefined {
  const ramp = ramps.find(({ quantity }) => quantity === wanted);
  if (ramp === undefined) return undefined;
  return { duration: new Float(ramp.durationSec), strategy: ramp.shape === "" ? "linear" : ramp.shape };
}

/** AIPerf counts in percent; a share's noise of the last digits is left out. */
function cancellationConfig(given: CancellationSpec | undefined): JsonObject | undefined {
  if (given === undefined) return undefined;
  return { rate: new Float(Number((given.share * 100).toPrecision(12))), delay: new Float(given.delaySec) };
}

function typeOf(load: PhaseSpec["load"]): string | undefined {
  switch (load.case) {
    case "rate":
      return typeName(load.value);
    case "schedule":
      return "fixed_schedule";
    case "userCentric":
      return "user_centric";
    default:
      return load.case;
  }
}

function rateConfig(load: PhaseSpec["load"]): Float | undefined {
  const ratePerSec = load.case === "rate" || load.case === "userCentric" ? load.value.ratePerSec : 0;
  return ratePerSec > 0 ? new Float(ratePerSec) : undefined;
}

function scheduleConfig({ autoOffset, startOffsetMs, endOffsetMs, speedup, idleGapCapSec }: ScheduleLoad): JsonObject {
  return {
    auto_offset: autoOffset ? true : undefined,
    start_offset: startOffsetMs,
    end_offset: endOffsetMs,
    replay_speedup: speedup === 1 ? undefined : floatOf(speedup),
    max_idle_gap_cap_seconds: floatOf(idleGapCapSec),
  };
}

function seriesConfig({ series }: RateLoad): JsonObject | undefined {
  if (series.length === 0) return undefined;
  return { points: series.map(({ atSec, ratePerSec }) => ({ time_s: new Float(atSec), qps: new Float(ratePerSec) })) };
}

function typeName({ bursts, pattern }: RateLoad): string {
  return bursts === undefined ? (patternNames[pattern] ?? "poisson") : "bursts";
}

const patternNames: Readonly<Partial<Record<ArrivalPattern, string>>> = {
  [ArrivalPattern.CONSTANT]: "constant",
  [ArrivalPattern.POISSON]: "poisson",
  [ArrivalPattern.GAMMA]: "gamma",
};

function artifactsConfig(output: OutputSpec | undefined, folder: string): JsonObject {
  const { exportPrefix, exportLevel, exportOutputsJson = false, sliceSec } = output ?? {};
  return {
    dir: folder,
    prefix: textOf(exportPrefix),
    records: exportLevel === "summary" ? false : ["jsonl"],
    raw: exportLevel === "raw" ? true : undefined,
    export_outputs_json: exportOutputsJson ? true : undefined,
    slice_duration: floatOf(sliceSec),
  };
}

function textOf(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function listOf(texts: readonly string[] | undefined): readonly string[] | undefined {
  return texts === undefined || texts.length === 0 ? undefined : texts;
}

function floatOf(value: number | undefined): Float | undefined {
  return value === undefined ? undefined : new Float(value);
}

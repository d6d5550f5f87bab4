/** AIPerf's phases as a RunSpec has them. Pure. */
import type { Given, GivenEntry, GivenObject } from "./given.ts";
import {
  isTrue,
  numberIn,
  objectAt,
  own,
  put,
  type Rules,
  readSection,
  seconds,
  type Translation,
  textIn,
  valueAt,
} from "./section.ts";

const adaptive = "let the load rise by a ramp, or change it by assay watch";
const agents = "sessions of weka_trace are played from their beginning";

/** The phases of `phases`, or of `warmup` and `profiling`, in their order. */
export function readPhases(
  entries: readonly { readonly name: string | undefined; readonly given: Given; readonly path: string }[],
  translation: Translation,
): GivenObject[] {
  const phases = entries.map(({ name, given, path }) => readPhase(name, given, path, translation));
  return phases.map(({ spec }, index) => {
    // Here a phase says it of the next one, there of the one before.
    const next = phases[index + 1]?.seamless;
    if (next !== undefined) put(spec, "is_seamless", next);
    return spec;
  });
}

interface ReadPhase {
  readonly spec: GivenObject;
  /** It begins while the answers of the one before still come. */
  readonly seamless: GivenEntry | undefined;
}

function readPhase(ownName: string | undefined, given: Given, path: string, { report }: Translation): ReadPhase {
  const spec = objectAt(given.at);
  const translation = { spec, report };
  const type = given.is === "object" ? textIn(given.entries.get("type")?.given ?? given) : undefined;
  let seamless: GivenEntry | undefined;
  let excluded: GivenEntry | undefined;
  const load = own(loads, type ?? "");
  if (load === undefined) {
    report(given.at, `${path}.type`, `expected ${Object.keys(loads).join(", ")}`);
    return { spec, seamless };
  }
  const at: GivenEntry = { keyAt: given.at, given };
  if (ownName !== undefined) put(spec, "name", valueAt(at, ownName));
  load.begin(spec, at);
  const ramp = (quantity: string) => (entry: GivenEntry, below: string) => addRamp(quantity, entry, below, translation);
  readSection(
    given,
    path,
    {
      type: { instead: "", asItIs: "anything" },
      name: "name",
      kind: (entry) => put(spec, "kind", entry),
      exclude_from_results: (entry) => {
        excluded = entry;
      },
      requests: "stop.request_count",
      sessions: "stop.session_count",
      duration: (entry) => put(spec, "stop.duration_sec", seconds(entry)),
      failed_request_threshold: "stop.failed_request_share",
      grace_period: (entry) => put(spec, "grace_sec", seconds(entry)),
      concurrency: load.concurrency,
      concurrency_ramp: ramp("concurrency"),
      prefill_concurrency: "prefill_concurrency",
      prefill_ramp: ramp("prefill_concurrency"),
      cancellation: (entry, below) => readCancellation(entry, below, translation),
      seamless: (entry) => {
        if (isTrue(entry.given)) seamless = entry;
      },
      timing_mode: { instead: "the type of a phase decides" },
      sla: { instead: adaptive, asItIs: [] },
      ...adaptiveRules,
      ...agenticRules,
      ...load.rules(translation, ramp),
    },
    translation,
  );
  nameAndKind(spec, given, path, report);
  const isWarmUp = textIn(spec.entries.get("kind")?.given ?? given) === "warmup";
  if (excluded !== undefined && isTrue(excluded.given) !== isWarmUp) {
    report(excluded.keyAt, `${path}.excludeFromResults`, "the kind of a phase decides: a warmup is left out, profiling is not");
  }
  return { spec, seamless };
}

function nameAndKind(spec: GivenObject, given: Given, path: string, report: Translation["report"]): void {
  const name = textIn(spec.entries.get("name")?.given ?? given);
  const isUsual = name === "warmup" || name === "profiling";
  if (name === undefined) report(given.at, `${path}.name`, "expected a name");
  else if (!spec.entries.has("kind") && isUsual) put(spec, "kind", valueAt({ keyAt: given.at, given }, name));
  else if (!spec.entries.has("kind")) report(given.at, `${path}.kind`, "expected warmup or profiling");
}

interface Load {
  /** Where a concurrency goes. */
  readonly concurrency: string;
  /** What the load is without any field of its own. */
  begin(spec: GivenObject, at: GivenEntry): void;
  rules(translation: Translation, ramp: (quantity: string) => Rules[string]): Rules;
}

function rated(pattern: string, more: Rules = {}): Load {
  return {
    concurrency: "rate.concurrency_ceiling",
    begin: (spec, at) => put(spec, "rate.pattern", valueAt(at, pattern)),
    rules: (translation, ramp) => ({
      rate: "rate.rate_per_sec",
      rate_ramp: ramp("rate"),
      rate_series: (entry, path) => readSeries(entry, path, translation),
      ...more,
    }),
  };
}

const loads: Readonly<Record<string, Load>> = {
  concurrency: {
    concurrency: "concurrency.limit",
    begin: (spec, at) => put(spec, "concurrency.limit", valueAt(at, 1)),
    rules: () => ({}),
  },
  constant: rated("constant"),
  poisson: rated("poisson"),
  gamma: rated("gamma", { smoothness: "rate.smoothness" }),
  user_centric: {
    concurrency: "user_centric.concurrency_ceiling",
    begin: (spec, at) => put(spec, "user_centric", { keyAt: at.keyAt, given: objectAt(at.keyAt) }),
    rules: (_translation, ramp) => ({
      users: "user_centric.users",
      rate: "user_centric.rate_per_sec",
      rate_ramp: ramp("rate"),
    }),
  },
  fixed_schedule: {
    concurrency: "schedule.concurrency_ceiling",
    begin: (spec, at) => put(spec, "schedule.auto_offset", valueAt(at, true)),
    rules: ({ spec }) => ({
      auto_offset: "schedule.auto_offset",
      start_offset: "schedule.start_offset_ms",
      end_offset: (entry) => put(spec, "schedule.end_offset_ms", entry),
    }),
  },
};

function addRamp(quantity: string, entry: GivenEntry, path: string, { spec, report }: Translation): void {
  const { keyAt, given } = entry;
  const ramp = objectAt(given.at);
  put(ramp, "quantity", valueAt(entry, quantity));
  if (given.is !== "object") put(ramp, "duration_sec", seconds(entry));
  else {
    readSection(
      given,
      path,
      {
        duration: (duration) => put(ramp, "duration_sec", seconds(duration)),
        strategy: (strategy, below) => {
          if (textIn(strategy.given) === "poisson")
            report(strategy.keyAt, below, "expected linear or exponential: others are not there");
          else put(ramp, "shape", strategy);
        },
      },
      { spec: ramp, report },
    );
  }
  const before = spec.entries.get("ramps")?.given;
  const items = before?.is === "list" ? before.items : [];
  put(spec, "ramps", { keyAt, given: { is: "list", at: keyAt, items: [...items, ramp] } });
}

function readCancellation({ given }: GivenEntry, path: string, { spec, report }: Translation): void {
  readSection(
    given,
    path,
    {
      // Percent there, a share here.
      rate: (rate) => {
        const percent = numberIn(rate.given);
        put(spec, "cancellation.share", percent === undefined ? rate : valueAt(rate, percent / 100));
      },
      delay: "cancellation.delay_sec",
    },
    { spec, report },
  );
}

function readSeries(entry: GivenEntry, path: string, { spec, report }: Translation): void {
  const { given } = entry;
  const named = given.is === "object" ? given.entries.get("points") : undefined;
  const list = named?.given ?? given;
  if (list.is !== "list") {
    report(given.at, path, "expected a list of points; --request-rate-series takes them from a file");
    return;
  }
  const items = list.items.map((item, index) => {
    const point = objectAt(item.at);
    readSection(item, `${path}[${index}]`, { time_s: "at_sec", qps: "rate_per_sec" }, { spec: point, report });
    return point;
  });
  put(spec, "rate.series", { keyAt: entry.keyAt, given: { is: "list", at: list.at, items } });
}

const adaptiveRules: Rules = {
  adaptive_scale: { instead: adaptive, asItIs: [false] },
  adaptive_sustain_duration: { instead: adaptive },
  adaptive_assessment_period: { instead: adaptive },
  adaptive_min_completed_requests: { instead: adaptive },
  adaptive_control_variable: { instead: adaptive },
  adaptive_control_min: { instead: adaptive },
  adaptive_control_max: { instead: adaptive },
  adaptive_scale_strategy_type: { instead: adaptive },
  adaptive_scale_step_policy: { instead: adaptive },
  adaptive_scale_base_step: { instead: adaptive },
  adaptive_scale_max_step_multiplier: { instead: adaptive },
  adaptive_scale_step_percent: { instead: adaptive },
};

const agenticRules: Rules = {
  trajectory_start_min_ratio: { instead: agents },
  trajectory_start_max_ratio: { instead: agents },
  burst_phase_starts: { instead: agents, asItIs: [false] },
  system_idle_gap_cap_seconds: { instead: "traceIdleGapCapSeconds of the dataset cuts the gaps of each session" },
  agentic_cache_warmup_duration: { instead: agents },
  agentic_warmup_grace_period: { instead: agents },
};

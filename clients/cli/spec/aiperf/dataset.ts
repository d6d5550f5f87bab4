/** AIPerf's dataset as a RunSpec has it. Pure. */
import { publicPath } from "../dataset-paths.ts";
import { distributionAt, distributionOf } from "./distribution.ts";
import type { Given, GivenEntry, GivenObject } from "./given.ts";
import {
  isFalse,
  numberIn,
  objectAt,
  own,
  put,
  type Rule,
  type Rules,
  readSection,
  type Translation,
  textIn,
  valueAt,
} from "./section.ts";

const seed = { instead: "the seed of a run is randomSeed, at the top of the file" };
const systemPrompt = { instead: "a turn of the role system in the rows of a file, or prefixPrompts.sharedSystemLength" };

/** The one dataset of a file. */
export function readDataset(given: Given, path: string, translation: Translation): void {
  const type = given.is === "object" ? (textIn(given.entries.get("type")?.given ?? given) ?? "synthetic") : "synthetic";
  const rules = own(rulesOf, type);
  if (rules === undefined) {
    translation.report(given.at, `${path}.type`, "expected synthetic, file or public");
    return;
  }
  if (type !== "synthetic") put(translation.spec, `dataset.file`, { keyAt: given.at, given: objectAt(given.at) });
  readSection(given, path, { ...commonRules(translation), ...rules(translation, given) }, translation);
}

const rulesOf = { synthetic: syntheticRules, file: fileRules, public: publicRules };

function commonRules(translation: Translation): Rules {
  return {
    type: { instead: "", asItIs: "anything" },
    name: { instead: "", asItIs: "anything" },
    system_prompt: systemPrompt,
    system_prompt_file: systemPrompt,
    entries: "dataset.entries",
    random_seed: seed,
    sampling: "dataset.sampling",
    cache_bust: (entry, path) => readCacheBust(entry, path, translation),
  };
}

function readCacheBust({ given }: GivenEntry, path: string, translation: Translation): void {
  readSection(given, path, { target: "dataset.cache_bust" }, translation);
}

function syntheticRules(translation: Translation): Rules {
  const { report } = translation;
  const to = (path: string): string => `dataset.synthetic.${path}`;
  const length = (path: string): Rule => distributionAt(to(path), translation);
  const section =
    (rules: Rules): Rule =>
    ({ given }, path) =>
      readSection(given, path, rules, translation);
  const media = (path: string, rules: Rules, usual: Readonly<Record<string, string | number>> = {}): Rule => {
    return (entry, below) => {
      const { given } = entry;
      const size = given.is === "object" ? (given.entries.get("batchSize") ?? given.entries.get("batch_size")) : undefined;
      if (size === undefined || numberIn(size.given) === 0) {
        report(given.at, below, "none are made where batchSize is 0, its default: give one, or leave this away");
        return;
      }
      for (const [name, value] of Object.entries(usual)) put(translation.spec, to(`${path}.${name}`), valueAt(entry, value));
      readSection(given, below, { batch_size: to(`${path}.batch_size`), ...rules }, translation);
    };
  };
  return {
    isl: length("input_tokens"),
    osl: length("output_tokens"),
    turns: length("turns"),
    turn_delay: length("turn_delay_ms"),
    turn_delay_ratio: "dataset.turn_delay_ratio",
    prompts: section({
      isl: length("input_tokens"),
      osl: length("output_tokens"),
      block_size: { instead: "blockSize of a file's dataset is that of its blocks" },
      batch_size: to("text_batch_size"),
      cache_bust: (entry, path) => readCacheBust(entry, path, translation),
      corpus: (entry) => put(translation.spec, to("corpus"), corpusOf(entry)),
      sequence_distribution: (entry, path) => put(translation.spec, to("length_mix"), mixOf(entry, path, translation)),
      random_range_ratio: { instead: "--random-range-ratio beside the file" },
      random_corpus_style: { instead: "lengths are as in vLLM's bench", asItIs: ["vllm"] },
    }),
    prefix_prompts: section({
      pool_size: to("prefix_count"),
      length: to("prefix_tokens"),
      shared_system_length: to("shared_system_tokens"),
      user_context_length: to("user_context_tokens"),
    }),
    images: media(
      "images",
      {
        width: length("images.width"),
        height: length("images.height"),
        format: to("images.format"),
        source: to("images.source"),
        source_sampling: to("images.source_sampling"),
      },
      // Of its command line they are others.
      { format: "jpeg" },
    ),
    audio: media("audio", {
      length: length("audio.length_sec"),
      format: to("audio.format"),
      sample_rates: to("audio.sample_rates_khz"),
      depths: to("audio.depths"),
      channels: to("audio.channels"),
    }),
    video: media(
      "video",
      {
        duration: to("video.duration_sec"),
        fps: to("video.fps"),
        width: to("video.width"),
        height: to("video.height"),
        format: to("video.format"),
        codec: to("video.codec"),
        synth_type: to("video.synth_type"),
        audio: section({
          // kHz there, unless it is too large for that.
          sample_rate: (entry) => {
            const rate = numberIn(entry.given);
            const inHz = rate !== undefined && rate < 1000 ? valueAt(entry, Math.round(1000 * rate)) : entry;
            put(translation.spec, to("video.audio_sample_rate_hz"), inHz);
          },
          channels: to("video.audio_channels"),
          codec: to("video.audio_codec"),
          depth: to("video.audio_depth"),
        }),
      },
      { duration_sec: 1 },
    ),
    rankings: section({
      passages: length("rankings.passages"),
      passage_tokens: length("rankings.passage_tokens"),
      query_tokens: length("rankings.query_tokens"),
    }),
  };
}

function corpusOf(entry: GivenEntry): GivenEntry {
  const corpus = own({ sonnet: "prose", coding: "code" }, textIn(entry.given) ?? "");
  return corpus === undefined ? entry : valueAt(entry, corpus);
}

/** Pairs of lengths with their shares. */
function mixOf(entry: GivenEntry, path: string, { report }: Translation): GivenEntry {
  const { keyAt, given } = entry;
  if (given.is !== "list") return entry;
  const items = given.items.map((item, index): GivenObject => {
    const spec = objectAt(item.at);
    const inner = { spec, report };
    const below = `${path}[${index}]`;
    readSection(
      item,
      below,
      {
        isl: (isl, at) => put(spec, "input_tokens", { keyAt: isl.keyAt, given: distributionOf(isl, at, inner) }),
        osl: (osl, at) => put(spec, "output_tokens", { keyAt: osl.keyAt, given: distributionOf(osl, at, inner) }),
        isl_stddev: "input_tokens.stddev",
        osl_stddev: "output_tokens.stddev",
        probability: "weight",
      },
      inner,
    );
    return spec;
  });
  return { keyAt, given: { is: "list", at: given.at, items } };
}

function traceRules(translation: Translation): Rules {
  return {
    inter_turn_delay_cap_seconds: "dataset.file.turn_delay_cap_sec",
    trace_idle_gap_cap_seconds: "dataset.file.trace_idle_gap_cap_sec",
    ignore_trace_delays: "dataset.file.ignores_trace_delays",
    use_think_time_only: "dataset.file.uses_think_time_only",
    max_context_length: "dataset.file.max_context_tokens",
    prompts: ({ given }, path) => {
      const corpus = { instead: "texts of blocks are Assay's own prose", asItIs: ["sonnet"] };
      readSection(given, path, { corpus }, translation);
    },
  };
}

function fileRules(translation: Translation): Rules {
  const { spec } = translation;
  const synthesis: Rules = {
    speedup_ratio: "dataset.file.synthesis.speedup_ratio",
    prefix_len_multiplier: "dataset.file.synthesis.prefix_len_multiplier",
    prefix_root_multiplier: "dataset.file.synthesis.prefix_root_multiplier",
    prompt_len_multiplier: "dataset.file.synthesis.prompt_len_multiplier",
    output_len_multiplier: "dataset.file.synthesis.output_len_multiplier",
    max_isl: "dataset.file.synthesis.max_input_tokens",
    max_osl: "dataset.file.synthesis.max_output_tokens",
  };
  return {
    ...traceRules(translation),
    path: "dataset.file.path",
    records: { instead: "write them into a file, one a line in JSON, and name it as path" },
    format: "dataset.file.format",
    synthesis: ({ given }, path) => readSection(given, path, synthesis, translation),
    trace_session_sample_ratio: "dataset.file.session_share",
    max_idle_gap_cap_seconds: { instead: "--max-idle-gap-cap-seconds beside the file" },
    replay_speedup: { instead: "--replay-speedup beside the file" },
    open_loop_replay: (entry) => put(spec, "dataset.file.is_open_loop", entry),
    open_loop_strict: "dataset.file.is_open_loop_strict",
    omit_kv_hints: "dataset.file.omits_kv_hints",
    force_min_tokens: (entry) => {
      if (isFalse(entry.given)) put(spec, "dataset.file.forces_min_tokens", entry);
    },
    osl: distributionAt("dataset.file.output_tokens", translation),
    prompt_batch_size: "dataset.file.text_batch_size",
    image_batch_size: "dataset.file.image_batch_size",
    audio_batch_size: "dataset.file.audio_batch_size",
    video_batch_size: "dataset.file.video_batch_size",
    block_size: "dataset.file.block_tokens",
  };
}

function publicRules(translation: Translation, given: Given): Rules {
  const field = (name: string): GivenEntry | undefined => (given.is === "object" ? given.entries.get(name) : undefined);
  const name = field("dataset");
  const repository = field("hfWekaDataset") ?? field("hf_weka_dataset");
  const subset = field("hfSubset") ?? field("hf_subset");
  const filters = field("filters")?.given;
  const pairs = filters?.is === "object" ? [...filters.entries] : [];
  const written = pairs.map(([key, entry]) => `${key}=${entry.given.is === "scalar" ? String(entry.given.value) : ""}`);
  if (name !== undefined) {
    const set = textIn(name.given) ?? "";
    const asked = set === "weka_hf" && repository !== undefined ? `${set}:${textIn(repository.given) ?? ""}` : set;
    const path = publicPath(asked, subset === undefined ? undefined : textIn(subset.given), written);
    put(translation.spec, "dataset.file.path", valueAt(name, path));
  }
  const taken = { instead: "", asItIs: "anything" } as const;
  return { ...traceRules(translation), dataset: taken, hf_subset: taken, filters: taken, hf_weka_dataset: taken };
}

/** Public datasets by the names that AIPerf gives them, where their files are, and how these are read. Pure. */
import { didYouMean } from "../../common/nearest.ts";
import { exgenticFilters, exgenticName } from "./formats/exgentic.ts";

/** The host that serves public datasets, where nobody says another. */
export const defaultPublicUrl = "https://huggingface.co";

export interface PublicSet {
  readonly name: string;
  /**
   * Of the host that serves public datasets, without a slash in front; `{subset}` stands for the subset, `{part}` for the number of a file, of four
   * digits from 0000 on, where its rows may be in several.
   */
  readonly path: string;
  /** Where it is if it is not there. */
  readonly otherPath?: string;
  /** Another host that serves it; whoever has chosen a host himself has it there, under the same path. */
  readonly host?: string;
  /** Which subset it is, if nobody says another; undefined: it has none. */
  readonly subset?: string;
  /** What the file, or the first of several, is called in a folder of one's own; `{subset}` as in the path. */
  readonly file: string;
  /** Name of the format that reads it. */
  readonly format: string;
  /** Fields that its sessions may be chosen by. Absent: none. */
  readonly filters?: readonly string[];
}

const sharegpt: PublicSet = {
  name: "sharegpt",
  path: "datasets/anon8231489123/ShareGPT_Vicuna_unfiltered/resolve/main/ShareGPT_V3_unfiltered_cleaned_split.json",
  file: "ShareGPT_V3_unfiltered_cleaned_split.json",
  format: "sharegpt",
};

const specBench: PublicSet = {
  name: "spec_bench",
  host: "https://raw.githubusercontent.com",
  path: "hemingkx/Spec-Bench/fd2c1cd7d2201ef71db4c5f4e455008f017967bf/data/spec_bench/question.jsonl",
  file: "spec_bench.jsonl",
  format: "spec_bench",
};

/** Sets that are read from the Parquet files that their host makes of them. */
const tables: readonly (readonly [name: string, repository: string, place: `${string}/${string}`, format: string])[] = [
  ["aimo", "AI-MO/NuminaMath-TIR", "default/train", "column:problem"],
  ["aimo_aime", "AI-MO/aimo-validation-aime", "default/train", "column:problem"],
  ["aimo_numina_cot", "AI-MO/NuminaMath-CoT", "default/train", "column:problem"],
  ["aimo_numina_1_5", "AI-MO/NuminaMath-1.5", "default/train", "column:problem"],
  ["mmstar", "Lin-Chen/MMStar", "val/val", "column:question,image=image"],
  ["mmvu", "yale-nlp/MMVU", "default/validation", "mmvu"],
  ["vision_arena", "lmarena-ai/VisionArena-Chat", "default/train", "vision_arena"],
  ["llava_onevision", "lmms-lab/LLaVA-OneVision-Data", "sharegpt4o/train", "llava_onevision"],
  ["spec_al_gsm8k", "openai/gsm8k", "main/test", "column:question"],
  ["spec_al_math500", "HuggingFaceH4/MATH-500", "default/test", "column:problem"],
  ["spec_al_humaneval", "openai/openai_humaneval", "openai_humaneval/test", "column:prompt"],
  ["spec_al_mbpp", "google-research-datasets/mbpp", "full/test", "column:text"],
  ["spec_al_mtbench", "HuggingFaceH4/mt_bench_prompts", "default/train", "column:prompt"],
  ["instruct_coder", "likaixin/InstructCoder", "default/train", "column:instruction"],
  ["blazedit_5k", "vdaita/edit_5k_char", "default/train", "blazedit"],
  ["blazedit_10k", "vdaita/edit_10k_char", "default/train", "blazedit"],
  ["librispeech", "openslr/librispeech_asr", "clean/test", "speech"],
  ["voxpopuli", "facebook/voxpopuli", "en/test", "speech"],
  ["gigaspeech", "speechcolab/gigaspeech", "xs/test", "speech"],
  ["ami", "edinburghcstr/ami", "ihm/test", "speech"],
  ["spgispeech", "kensho/spgispeech", "test/test", "speech"],
];

/** What follows `semianalysis_cc_traces_weka` in AIPerf's names, and `semianalysisai/cc-traces-weka-` in the host's. */
const wekaTraces: readonly (readonly [name: string, repository: string])[] = [
  ["", "no-subagents-051826"],
  ["_no_subagents", "no-subagents-051826"],
  ["_with_subagents", "062126"],
  ...["060226", "060526", "060826"].map((day) => [`_with_subagents_${day}`, `with-subagents-${day}`] as const),
  ...["061326", "061526", "062126"].map((day) => [`_${day}`, day] as const),
].flatMap(([name = "", repository = ""]) => {
  const whole = [name, repository] as const;
  return repository.startsWith("no-") ? [whole] : [whole, [`${name}_256k`, `${repository}-256k`] as const];
});

const exgentic: readonly PublicSet[] = [
  { ...tableSet(["exgentic", "Exgentic/agent-llm-traces", "default/train", "exgentic"]), filters: ["harness", "source_model"] },
  {
    ...tableSet(["exgentic_v2", "Exgentic/agent-llm-traces-v2", "default/train", "exgentic"]),
    filters: ["harness", "source_model", "benchmark"],
  },
];

export const publicSets: readonly PublicSet[] = [
  sharegpt,
  specBench,
  ...tables.map(tableSet),
  ...wekaTraces.map(([name, repository]) =>
    tableSet([
      `semianalysis_cc_traces_weka${name}`,
      `semianalysisai/cc-traces-weka-${repository}`,
      "default/train",
      "weka_trace",
    ]),
  ),
  ...exgentic,
];

/** The set that is whatever dataset of the host follows it and a colon. */
const anyWeka = "weka_hf";

/** A set, or why there is none. */
export type FoundSet = { readonly set: PublicSet } | { readonly problem: string };

/** A set whose path and file have their subset. */
export function publicSetOf({
  name,
  subset,
  filters,
}: {
  readonly name: string;
  readonly subset: string;
  readonly filters: Readonly<Record<string, string>>;
}): FoundSet {
  const set = publicSets.find((each) => each.name === name) ?? anyWekaSet(name);
  const names = publicSets.map((each) => each.name);
  if (set === undefined) {
    if (name === anyWeka || name.startsWith(`${anyWeka}:`)) {
      return { problem: `expected ${anyWeka}:OWNER/NAME, a dataset of the host, got ${name}` };
    }
    const suggestion = didYouMean(name, names);
    return {
      problem: `there is no public dataset ${name}${suggestion}; there are ${names.join(", ")}`,
    };
  }
  const refusal = filterProblem(set, filters);
  if (refusal !== undefined) return { problem: refusal };
  if (subset !== "" && set.subset === undefined) return { problem: `${name} has no subsets, got ${subset}` };
  const chosen = subset === "" ? (set.subset ?? "") : subset;
  if (!/^[\w.-]*$/.test(chosen)) return { problem: `${name} cannot have a subset ${chosen}` };
  const inSubset = (text: string): string => text.replaceAll("{subset}", chosen);
  const { otherPath } = set;
  const other = otherPath === undefined ? {} : { otherPath: inSubset(otherPath) };
  const format = set.filters === undefined ? set.format : exgenticName(filters);
  const isNamed = chosen === (set.subset ?? "") || set.file.includes("{subset}");
  const file = isNamed ? inSubset(set.file) : withSuffix(set.file, `-${chosen}`);
  return { set: { ...set, path: inSubset(set.path), ...other, file, format } };
}

/** Whether the rows of a set may be in several files. */
export function isInParts({ path }: PublicSet): boolean {
  return path.includes("{part}");
}

/** Where one of a set's files is, by its path. */
export function pathOfPart(path: string, part: number): string {
  return path.replaceAll("{part}", numberOfPart(part));
}

/** What one of a set's files is called; the first has the name that the set says. */
export function fileOfPart({ file }: PublicSet, part: number): string {
  return part === 0 ? file : withSuffix(file, `-part-${numberOfPart(part)}`);
}

function numberOfPart(part: number): string {
  return String(part).padStart(4, "0");
}

function withSuffix(file: string, suffix: string): string {
  const end = file.lastIndexOf(".");
  return `${file.slice(0, end)}${suffix}${file.slice(end)}`;
}

/** Undefined: rows can be chosen so. */
function filterProblem({ name, filters: fields = [] }: PublicSet, filters: Readonly<Record<string, string>>): string | undefined {
  for (const [field, value] of Object.entries(filters)) {
    if (fields.length === 0) return `${name} declares no field to filter by, got ${field}`;
    if (!fields.includes(field)) return `${name} is filtered by ${fields.join(", ")}, got ${field}${didYouMean(field, fields)}`;
    const values = exgenticFilters[field] ?? [];
    if (values.every((known) => known.toLowerCase() !== value.toLowerCase())) {
      return `${name} has the ${field} ${values.join(", ")}, got ${value}${didYouMean(value, values)}`;
    }
  }
  return undefined;
}

function anyWekaSet(name: string): PublicSet | undefined {
  const [, owner, repository] = /^weka_hf:([\w.-]+)\/([\w.-]+)$/.exec(name) ?? [];
  if (owner === undefined || repository === undefined || /^\.+$/.test(owner) || /^\.+$/.test(repository)) return undefined;
  const set = tableSet([name, `${owner}/${repository}`, "default/train", "weka_trace"]);
  return { ...set, file: `${owner}--${repository}-{subset}.parquet` };
}

function tableSet([name, repository, place, format]: (typeof tables)[number]): PublicSet {
  const [subset = "", split = ""] = place.split("/");
  const folder = `datasets/${repository}/resolve/refs%2Fconvert%2Fparquet/{subset}`;
  return {
    name,
    path: `${folder}/${split}/{part}.parquet`,
    // Of what is too large its host makes the beginning.
    otherPath: `${folder}/partial-${split}/{part}.parquet`,
    subset,
    file: subset === "default" ? `${name}.parquet` : `${name}-{subset}.parquet`,
    format,
  };
}

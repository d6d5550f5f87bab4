/** Public datasets by the names that AIPerf gives them, where their files are, and how these are read. Pure. */
import { didYouMean } from "../../common/nearest.ts";

export interface PublicSet {
  readonly name: string;
  /** Of the host that serves public datasets, without a slash in front; `{subset}` stands for the subset. */
  readonly path: string;
  /** Which subset it is, if nobody says another; undefined: it has none. */
  readonly subset?: string;
  /** What the file is called in a folder of one's own; `{subset}` as in the path. */
  readonly file: string;
  /** Name of the format that reads it. */
  readonly format: string;
}

const sharegpt: PublicSet = {
  name: "sharegpt",
  path: "datasets/anon8231489123/ShareGPT_Vicuna_unfiltered/resolve/main/ShareGPT_V3_unfiltered_cleaned_split.json",
  file: "ShareGPT_V3_unfiltered_cleaned_split.json",
  format: "sharegpt",
};

/** Sets whose prompts are a column of their first Parquet file. */
const columns: readonly (readonly [name: string, repository: string, place: `${string}/${string}`, column: string])[] = [
  ["aimo", "AI-MO/NuminaMath-TIR", "default/train", "problem"],
  ["aimo_aime", "AI-MO/aimo-validation-aime", "default/train", "problem"],
  ["aimo_numina_cot", "AI-MO/NuminaMath-CoT", "default/train", "problem"],
  ["aimo_numina_1_5", "AI-MO/NuminaMath-1.5", "default/train", "problem"],
  ["spec_al_gsm8k", "openai/gsm8k", "main/test", "question"],
  ["spec_al_math500", "HuggingFaceH4/MATH-500", "default/test", "problem"],
  ["spec_al_humaneval", "openai/openai_humaneval", "openai_humaneval/test", "prompt"],
  ["spec_al_mbpp", "google-research-datasets/mbpp", "full/test", "text"],
  ["spec_al_mtbench", "HuggingFaceH4/mt_bench_prompts", "default/train", "prompt"],
  ["instruct_coder", "likaixin/InstructCoder", "default/train", "instruction"],
];

export const publicSets: readonly PublicSet[] = [sharegpt, ...columns.map(columnSet)];

/** What AIPerf has besides, and why it is not read here. */
const unread: readonly (readonly [names: RegExp, why: string])[] = [
  [/^(mmstar|vision_arena|llava_onevision)$/, "its images lie within Parquet"],
  [/^mmvu$/, "its videos lie within Parquet"],
  [/^(librispeech|voxpopuli|gigaspeech|ami|spgispeech)$/, "its audio lies within Parquet"],
  [/^blazedit_(5k|10k)$/, "its prompts are put together of several columns"],
  [/^spec_bench$/, "its questions are in a format of their own"],
  [/^exgentic(_v2)?$/, "its traces of agents are in a format of their own"],
  [/^(weka_hf|semianalysis_cc_traces_weka\w*)$/, "its traces are folders; a copy of them is read by --input-file FOLDER"],
];

/** A set, or why there is none. */
export type FoundSet =
  | { readonly set: PublicSet }
  | { readonly code: "invalid_argument" | "unimplemented"; readonly problem: string };

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
  const set = publicSets.find((each) => each.name === name);
  const names = publicSets.map((each) => each.name);
  if (set === undefined) {
    const why = unread.find(([shape]) => shape.test(name))?.[1];
    if (why !== undefined) return { code: "unimplemented", problem: `${name} is not read by this version: ${why}` };
    const suggestion = didYouMean(name, names);
    return {
      code: "invalid_argument",
      problem: `there is no public dataset ${name}${suggestion}; there are ${names.join(", ")}`,
    };
  }
  const [filter] = Object.keys(filters);
  if (filter !== undefined) return { code: "invalid_argument", problem: `${name} declares no field to filter by, got ${filter}` };
  if (subset !== "" && set.subset === undefined)
    return { code: "invalid_argument", problem: `${name} has no subsets, got ${subset}` };
  const chosen = subset === "" ? (set.subset ?? "") : subset;
  if (!/^[\w.-]*$/.test(chosen)) return { code: "invalid_argument", problem: `${name} cannot have a subset ${chosen}` };
  const inSubset = (text: string): string => text.replaceAll("{subset}", chosen);
  return { set: { ...set, path: inSubset(set.path), file: inSubset(set.file) } };
}

function columnSet([name, repository, place, column]: (typeof columns)[number]): PublicSet {
  const [subset = "", split = ""] = place.split("/");
  return {
    name,
    path: `datasets/${repository}/resolve/refs%2Fconvert%2Fparquet/{subset}/${split}/0000.parquet`,
    subset,
    file: subset === "default" ? `${name}.parquet` : `${name}-{subset}.parquet`,
    format: `column:${column}`,
  };
}

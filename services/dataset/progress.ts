/** How far preparing a dataset is. Pure. */

/** What is done at the moment; `PreparationStep` in the proto says of each what it is. */
export type PrepareStep = "download" | "check" | "read" | "tokenizer" | "media";

export interface PrepareProgress {
  readonly step: PrepareStep;
  /** Read so far, those left out included; of media the turns that have theirs. */
  readonly rows: number;
  /** That the step has read or fetched, as they are stored. */
  readonly doneBytes: number;
  /** 0: not known. */
  readonly totalBytes: number;
}

/** Hears of it now and then. */
export type OnProgress = (progress: PrepareProgress) => void;

/** Of a step of which nothing can be counted. */
export const loadingTokenizer: PrepareProgress = { step: "tokenizer", rows: 0, doneBytes: 0, totalBytes: 0 };

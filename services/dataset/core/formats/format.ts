/** What a format of dataset files is: which rows are its own, and what they say. One format a file; `catalog.ts` lists them. */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import type { CheckKind, Expectation } from "../../../common/checks/expectation.ts";
import type { Place } from "../containers/row-item.ts";
import type { TraceField } from "../trace-options.ts";
import type { TraceSynthesis } from "../trace-synthesis.ts";
import type { ReadMedia } from "./media.ts";
import type { ReadRow, Row, RowProblem } from "./row.ts";

export interface Format {
  /** As users write it: `--custom-dataset-type`. */
  readonly name: string;
  /** Every field that a row may have, those within it by their own names. */
  readonly fields: readonly string[];
  /**
   * In CSV, where every value is a text: the fields that stay texts. Values of others are read as JSON where they are JSON, as `12`
   * or `{"seed": 7}`. Absent: all stay texts.
   */
  readonly textFields?: readonly string[];
  /** Whether a file is of this format whose first row this is; asked in the order of the catalog, where nobody said the format. */
  readonly recognizes: (row: JsonObject, source: RowSource) => boolean;
  /** Its prompts are made of blocks that rows name, so that what they share can be changed. Absent: no. */
  readonly hasBlocks?: true;
  /** Its reader leaves out longer prompts and cuts longer outputs itself, and nothing else of its prompts can be changed. Absent: no. */
  readonly boundsLengths?: true;
  /** What of the options of traces its reader has a use for, of those that not every format has. Absent: nothing. */
  readonly takes?: readonly TraceField[];
  /** It needs `ReaderTools.countTokens`. */
  readonly countsTokens?: boolean;
  /** The session of a row that is not read, where only rows of sessions that have begun are. Absent: its `session_id`. */
  readonly sessionOf?: (row: JsonObject, source: RowSource) => string | undefined;
  /** For one load: what it keeps from row to row is its own. */
  readonly createReader: (options: ReaderOptions, tools: ReaderTools) => RowReader;
}

/** Pure but for what it keeps. */
export interface RowReader {
  /** Reads one row. Never throws. `placeOf`: for what is told of it later; absent: its place is not known. */
  readonly read: (row: JsonObject, source: RowSource, placeOf?: PlaceOf) => ReadRow;
  /** What only the whole of the rows tells, once they are over. Absent: nothing. */
  readonly finish?: () => Iterable<Row | LateProblem>;
  /** Asked at the end: what was left out and is no mistake of a row, for people, one line each. Absent: nothing. */
  readonly notes?: () => readonly string[];
}

/** Where a field of a row begins, or the row itself. */
export type PlaceOf = (field: string | undefined) => Place;

/** Why a row that was taken cannot be carried out beside the others. */
export interface LateProblem {
  readonly problem: RowProblem;
  readonly placeOf: PlaceOf;
}

/** Where a row comes from. */
export interface RowSource {
  /** Name of its file; in a folder its path below that. */
  readonly file: string;
  /** The path that was given is a folder, and this is one of its files. */
  readonly isInFolder: boolean;
  /** How the file is written. */
  readonly container: ContainerName;
  /** From 0, within its file. */
  readonly index: number;
}

/** `json`: one document, or an array of rows. */
export const containerNames = ["jsonl", "json", "csv", "parquet"] as const;

export type ContainerName = (typeof containerNames)[number];

/** What a user said of the reading. */
export interface ReaderOptions {
  /** Read only where something is drawn: a file that is read without it is prepared once for all seeds. */
  readonly seed: number;
  /** Conversations to keep. */
  readonly maxConversations: number;
  /** Tokens of a block of a trace; undefined: the format's own. */
  readonly blockTokens: number | undefined;
  /** Of the run's requests: `/v1/chat/completions`. */
  readonly endpointPath: string;
  /** The run asks for an output length where a row names none. */
  readonly namesOutputTokens: boolean;
  /** Of random_pool; 1 of a kind unless a user said otherwise. */
  readonly batchSizes: BatchSizes;
  /** The check of rows that expect something and name none; absent: the run has none. */
  readonly check?: CheckKind | undefined;
  /** Absent: the defaults of all. */
  readonly trace?: TraceOptions;
}

/** How recorded traces are replayed. */
export interface TraceOptions {
  /** Later turns have their own moments; otherwise they follow the answer before and the recorded pause. Default: true. */
  readonly isOpenLoop?: boolean;
  /** Every row is a conversation by itself. */
  readonly isStrict?: boolean;
  /** The blocks' names stay out of the bodies. */
  readonly omitsKvHints?: boolean;
  /** The recorded length of an answer is the least that is asked for, too. Default: true. */
  readonly forcesMinTokens?: boolean;
  /** Share of the sessions that is kept, above 0. Default: 1. */
  readonly sessionShare?: number;
  /** Pauses are the recorded think times alone, where there are any. */
  readonly usesThinkTimeOnly?: boolean;
  /** Sessions with a longer prompt and answer together, in tokens, are left out. Default: none is. */
  readonly maxContextTokens?: number;
  /** Longest time from one request of a session and its agents to the next, s; later ones move with it. Default: as it was recorded. */
  readonly idleGapCapSec?: number;
  /** Moments and pauses are left out. */
  readonly ignoresDelays?: boolean;
  /** Longest pause before a turn, ms; longer ones are cut to it. Default: as they are. */
  readonly maxDelayMs?: number;
  /** How the trace is changed. Default: not at all. */
  readonly synthesis?: TraceSynthesis;
}

/** Items of a request that is drawn from a pool, of each kind. */
export interface BatchSizes {
  readonly text: number;
  readonly image: number;
  readonly audio: number;
  readonly video: number;
}

/** What a reader may use of the world. */
export interface ReaderTools {
  readonly readMedia: ReadMedia;
  /** Only for formats that ask for it. */
  readonly countTokens: (text: string) => number;
  /** What is wrong with an expectation whose values have to be compiled; undefined: nothing. */
  readonly problemOf: (expectation: Expectation) => string | undefined;
}

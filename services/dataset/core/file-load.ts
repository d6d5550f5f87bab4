/**
 * The rows of a dataset's files, made into turns. A row that cannot be used either ends it, with its place, or is left out
 * and counted. Pure but for what it keeps.
 */
import type { JsonObject } from "../../../endpoints/json-body.ts";
import type { CompileCheck } from "../../common/checks/compile.ts";
import { AssayError } from "../../common/errors.ts";
import { typedCsv } from "./containers/csv-values.ts";
import { type Mistake, mistakeText, type Place, type RowItem } from "./containers/row-item.ts";
import { formatNamed, formats } from "./formats/catalog.ts";
import { detectFormat } from "./formats/detection.ts";
import { expectsCompiled, problemsBy } from "./formats/expectation.ts";
import type { ContainerName, Format, PlaceOf, ReaderOptions, ReaderTools, RowReader, RowSource } from "./formats/format.ts";
import { isName, type Row, type RowProblem } from "./formats/row.ts";
import type { ArenaSink } from "./packed-rows.ts";
import { askedFields, type TraceField } from "./trace-options.ts";
import { changedFields, synthesizedReader } from "./trace-synthesis.ts";
import { type LoadedTurns, TurnCollector } from "./turn-collector.ts";

export interface FileLoadOptions extends ReaderOptions {
  /** As errors and warnings name the file or the folder. */
  readonly path: string;
  /** Name of a format that there is; undefined: found from the first row. */
  readonly format: string | undefined;
  /** Rows that cannot be used are left out; otherwise the first one ends the loading. */
  readonly isSkipping: boolean;
}

/** What a dataset was made of besides its own files. */
export interface MadeOf {
  /** Folder that rows name files of; undefined: they name none. */
  readonly folder: string | undefined;
  /** What the file system said of each of them, by its path. */
  readonly looks: ReadonlyMap<string, string>;
  /** What the rows were counted by: its name, and what the file system said of its file; undefined: they were not. */
  readonly tokenizer: { readonly name: string; readonly file: string; readonly looks: string } | undefined;
}

/** At least one turn. */
export interface LoadedFile extends LoadedTurns {
  /** Name of the format. */
  readonly format: string;
  /** Rows that turns were made of. */
  readonly usedRows: number;
  readonly skippedRows: number;
  /** Places and reasons of the first rows that were left out. */
  readonly firstSkipped: readonly string[];
  /** Fields that the format does not have, and how many rows have them; the first hundred. */
  readonly unknownFields: ReadonlyMap<string, number>;
  /** What the format was known by, for people: `its first row has text`; empty: somebody said it. */
  readonly formatReason: string;
  /** How the files are written, in the order in which they were seen. */
  readonly containers: readonly ContainerName[];
  /** What is kept depends on the seed: another one gives other turns. */
  readonly isSeeded: boolean;
  /** Files that were read. */
  readonly files: number;
  /** What else is in the folder, for people. */
  readonly leftOut: readonly string[];
  /** What of the rows has no effect or was left out, for people, one line each. */
  readonly notes: readonly string[];
  readonly beside: MadeOf;
}

const maxUnknownFields = 100;
const maxFirstSkipped = 10;

export class FileLoad {
  readonly #options: FileLoadOptions;
  #isSeeded = false;
  readonly #tools: Pick<ReaderTools, "readMedia">;
  #count: ReaderTools["countTokens"] | undefined;
  #problemOf: ReaderTools["problemOf"] | undefined;
  readonly #waiting: RowItem[] = [];
  readonly #turns: TurnCollector;
  readonly #unknownFields = new Map<string, number>();
  readonly #firstSkipped: string[] = [];
  #format: Format | undefined;
  #reader: RowReader | undefined;
  #source: Omit<RowSource, "index"> = { file: "", isInFolder: false, container: "jsonl" };
  #formatReason = "";
  readonly #containers = new Set<ContainerName>();
  #files = 0;
  #leftOut: readonly string[] = [];
  readonly #notes: string[] = [];
  #index = 0;
  #used = 0;
  #skipped = 0;
  #firstMistake: Mistake | undefined;

  /** @param sink where the turns go; default: memory */
  constructor(options: FileLoadOptions, tools: Pick<ReaderTools, "readMedia">, sink?: ArenaSink) {
    this.#options = options;
    this.#tools = tools;
    this.#format = options.format === undefined ? undefined : formatNamed(options.format);
    this.#turns = new TurnCollector(options.maxConversations, options.trace, sink);
  }

  /** All that is kept has been read. */
  get isFull(): boolean {
    return this.#turns.isFull;
  }

  /** What rows wait for: `countBy` or `compileBy`; undefined: none waits. */
  get awaited(): "counter" | "compiler" | undefined {
    const [first] = this.#waiting;
    return first && this.#needOf(first);
  }

  /** Takes the rows that wait. Throws as `take` does. */
  countBy(count: ReaderTools["countTokens"]): void {
    this.#count = count;
    this.#takeWaiting();
  }

  /** As `countBy`, for expectations of every kind. */
  compileBy(compile: CompileCheck): void {
    this.#problemOf = problemsBy(compile);
    this.#takeWaiting();
  }

  /** Rows read so far, those left out included. */
  get rows(): number {
    return this.#used + this.#skipped;
  }

  /** The rows that follow are those of this file. */
  enter(source: Omit<RowSource, "index">): void {
    this.#source = source;
    this.#index = 0;
    this.#files++;
    this.#containers.add(source.container);
  }

  /** What of a folder is not read, for people. */
  leaveOut(what: readonly string[]): void {
    this.#leftOut = what;
  }

  /** What else is to be known of what was read, for people, one line. */
  note(line: string): void {
    this.#notes.push(line);
  }

  /** Throws `invalid_argument` with file, line and column for a row that ends the loading. */
  take(item: RowItem): void {
    if (this.isFull) return;
    if (this.#waiting.length > 0 || this.#needOf(item) !== undefined) {
      this.#waiting.push(item);
      return;
    }
    const isOver = this.#turns.hasAllConversations;
    if (isOver && (item.kind === "mistake" || !this.#turns.knows(this.#sessionOf(item.value)))) return;
    const mistake = item.kind === "mistake" ? item.mistake : this.#read(item);
    this.#index++;
    if (mistake !== undefined) this.#refuse(mistake);
  }

  /** Throws where nothing may be left out. */
  #refuse(mistake: Mistake): void {
    if (!this.#options.isSkipping) {
      const { path } = this.#options;
      throw badDataset({ path, description: this.#textOf(mistake), place: mistake, file: this.#path });
    }
    this.#skipped++;
    this.#firstMistake ??= mistake;
    if (this.#firstSkipped.length < maxFirstSkipped) this.#firstSkipped.push(this.#textOf(mistake));
  }

  /** There are no more rows. Throws as `take` does, and where no row can be used. */
  end(): LoadedFile {
    for (const row of this.#reader?.finish?.() ?? []) {
      if ("turns" in row) {
        const message = this.#keep(row);
        if (message !== undefined) this.#refuse({ line: 0, column: 0, message });
      } else {
        this.#used--;
        this.#refuse(mistakeOf(row.problem, row.placeOf));
      }
    }
    if (this.#used === 0 || this.#format === undefined || this.#turns.conversations === 0) throw this.#emptiness();
    return {
      ...this.#turns.loaded(),
      format: this.#format.name,
      usedRows: this.#used,
      isSeeded: this.#isSeeded,
      skippedRows: this.#skipped,
      firstSkipped: this.#firstSkipped,
      unknownFields: this.#unknownFields,
      formatReason: this.#formatReason,
      containers: [...this.#containers],
      files: this.#files,
      leftOut: this.#leftOut,
      notes: [...this.#notes, ...this.#turns.notes(), ...(this.#reader?.notes?.() ?? [])],
      beside: { folder: undefined, tokenizer: undefined, looks: new Map() },
    };
  }

  /** As errors name the file that is read. */
  get #path(): string {
    const { file, isInFolder } = this.#source;
    return isInFolder ? `${this.#options.path}/${file}` : this.#options.path;
  }

  #textOf(mistake: Mistake): string {
    const text = mistakeText(mistake);
    return this.#source.isInFolder ? `${this.#source.file}${mistake.line === 0 ? ": " : ", "}${text}` : text;
  }

  /** Takes a row, or says why not. */
  #read({ value, placeOf }: Extract<RowItem, { kind: "row" }>): Mistake | undefined {
    const problem = this.#readObject(value, placeOf);
    return problem && mistakeOf(problem, placeOf);
  }

  #readObject(value: JsonObject, placeOf: PlaceOf): RowProblem | undefined {
    const source = { ...this.#source, index: this.#index };
    const format = this.#formatOf(value, source);
    if ("refusal" in format) return { field: undefined, message: format.refusal };
    this.#reader ??= this.#readerOf(format);
    const { textFields } = format;
    const typed = source.container === "csv" && textFields !== undefined ? typedCsv(value, textFields) : value;
    const read = this.#reader.read(typed, source, placeOf);
    if ("problem" in read) return read.problem;
    for (const row of read.row === undefined ? [] : [read.row, ...(read.others ?? [])]) {
      const message = this.#keep(row);
      if (message !== undefined) return { field: undefined, message };
    }
    this.#used++;
    return undefined;
  }

  /** Throws `invalid_argument` where the format's rows cannot be changed as somebody wants. */
  #readerOf(format: Format): RowReader {
    const options = this.#noticing();
    const reader = format.createReader(options, {
      ...this.#tools,
      countTokens: (text) => this.#count?.(text) ?? 0,
      problemOf: (expectation) => this.#problemOf?.(expectation),
    });
    const { trace: { synthesis } = {} } = options;
    for (const field of askedFields(options)) {
      if (takes(format, field)) continue;
      throw this.#misfit(field, `needs rows of ${namesOf((other) => takes(other, field))}, this is ${format.name}`);
    }
    if (synthesis === undefined) return reader;
    if (format.hasBlocks) return synthesizedReader(reader, synthesis, options.seed);
    if (!format.boundsLengths) {
      const known = namesOf(({ hasBlocks }) => hasBlocks === true);
      throw this.#misfit("synthesis", `needs a trace whose rows have hash_ids (${known}), this is ${format.name}`);
    }
    const field = changedFields(synthesis).find((name) => name !== "max_input_tokens" && name !== "max_output_tokens");
    if (field === undefined) return reader;
    const why = "its prompts go on from one another, and its pauses are not moments";
    throw this.#misfit(`synthesis.${field}`, `has no meaning for ${format.name}: ${why}; only lengths can be bounded`);
  }

  /** An option that the format has no use for. */
  #misfit(field: string, description: string): AssayError {
    return new AssayError("invalid_argument", `${this.#path}: ${description}`, {
      violations: [{ field: `dataset.file.${field}`, description }],
    });
  }

  /** That of the file; found out from this row where it is the first that can tell. */
  #formatOf(value: JsonObject, source: RowSource): Format | { readonly refusal: string } {
    if (this.#format !== undefined) return this.#format;
    const detected = detectFormat(value, source);
    if ("refusal" in detected) return detected;
    this.#format = detected.format;
    this.#formatReason = detected.reason;
    return detected.format;
  }

  #takeWaiting(): void {
    for (const item of this.#waiting.splice(0)) this.take(item);
  }

  /** What has to be there before the row can be read. */
  #needOf(item: RowItem): "counter" | "compiler" | undefined {
    if (item.kind === "mistake") return undefined;
    if (this.#problemOf === undefined && expectsCompiled(item.value, this.#options.check)) return "compiler";
    if (this.#count !== undefined || this.#reader !== undefined) return undefined;
    const format = this.#formatOf(item.value, { ...this.#source, index: this.#index });
    return "countsTokens" in format && format.countsTokens === true ? "counter" : undefined;
  }

  /** The session that a row names. */
  #sessionOf(row: JsonObject): string | undefined {
    if (this.#format?.sessionOf !== undefined) return this.#format.sessionOf(row, { ...this.#source, index: this.#index });
    return isName(row.session_id) ? row.session_id : undefined;
  }

  /** The options, which tell that the seed has been asked for. */
  #noticing(): ReaderOptions {
    const { seed, ...others } = this.#options;
    const notice = (): number => {
      this.#isSeeded = true;
      return seed;
    };
    return {
      ...others,
      get seed() {
        return notice();
      },
    };
  }

  /** Undefined: kept. Otherwise why not. */
  #keep(row: Row): string | undefined {
    const problem = this.#turns.add(row);
    if (problem !== undefined) return problem;
    for (const field of row.unknownFields) {
      const rows = this.#unknownFields.get(field);
      if (rows !== undefined || this.#unknownFields.size < maxUnknownFields) this.#unknownFields.set(field, (rows ?? 0) + 1);
    }
    return undefined;
  }

  #emptiness(): AssayError {
    const { path } = this.#options;
    const first = this.#firstMistake;
    if (first === undefined) {
      const notes = this.#used === 0 ? [] : (this.#reader?.notes?.() ?? []);
      const nothing = this.#used === 0 ? "the file holds no rows" : "no row of the file makes a request";
      return badDataset({ path, description: [nothing, ...notes].join(": ") });
    }
    const [firstText = ""] = this.#firstSkipped;
    const rows = this.#skipped === 1 ? "its row cannot be used" : `none of its ${this.#skipped} rows can be used, the first`;
    return badDataset({ path, description: `${firstText} (${rows})`, place: first });
  }
}

function namesOf(isMeant: (format: Format) => boolean): string {
  const names = formats.filter(isMeant).map(({ name }) => name);
  const last = names.pop() ?? "";
  return names.length === 0 ? last : `${names.join(", ")} or ${last}`;
}

function takes(format: Format, field: TraceField): boolean {
  return format.takes?.includes(field) === true;
}

function mistakeOf({ field, shownField = field, message }: RowProblem, placeOf: PlaceOf): Mistake {
  return { ...placeOf(field), message: shownField === undefined ? message : `${shownField}: ${message}` };
}

interface BadDataset {
  /** The path that was given. */
  readonly path: string;
  /** To whoever knows that path. */
  readonly description: string;
  /** Absent, or a line of 0: the file as a whole. */
  readonly place?: Place;
  /** The file that is wrong. Default: the path. */
  readonly file?: string;
}

function badDataset({ path, description, place, file = path }: BadDataset): AssayError {
  const hasPlace = place !== undefined && place.line > 0;
  const at = hasPlace ? { line: `${place.line}`, column: `${place.column}` } : {};
  return new AssayError("invalid_argument", `${path}${hasPlace || file !== path ? ", " : ": "}${description}`, {
    reason: "BAD_DATASET",
    metadata: { file, ...at },
    violations: [{ field: "dataset.file.path", description }],
  });
}

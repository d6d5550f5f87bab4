/** A metrics page as a source: what it is of is seen from its content, again where that changes. */
import { type PageLine, PageReader, type PageReaderOptions } from "../exposition/page-reader.ts";
import { createAmdView } from "./amd.ts";
import { createDcgmView } from "./dcgm.ts";
import type { GpuField } from "./dcgm-fields.ts";
import type { PageView } from "./page-view.ts";
import type { SeriesFacts, SourceReader, SourceReading } from "./series.ts";
import { type BookedSeries, SeriesBook } from "./series-book.ts";
import { describeServerLine } from "./server.ts";

/** What a line says, as long as view and comments stay what they are. */
interface Note {
  readonly age: number;
  /** undefined: nothing that is kept. */
  readonly series: BookedSeries | undefined;
  readonly scale: number;
}

const serverView: PageView = {
  kind: "server",
  isOwn: () => true,
  describe: describeServerLine,
  isBlank: () => false,
};

export interface PageSourceOptions {
  /** DCGM's fields beside the known ones. */
  readonly customFields?: readonly GpuField[];
}

/** A reader of one page. Throws `invalid_argument` with reason `METRICS_PAGE_SYNTAX` at a text that is no metrics page. */
export function createPageSource({ customFields = [] }: PageSourceOptions = {}): SourceReader {
  return new PageSource([createDcgmView(customFields), createAmdView(), serverView]);
}

class PageSource implements SourceReader {
  readonly #views: readonly PageView[];
  readonly #pages = new PageReader<Note>();
  readonly #book = new SeriesBook();
  #view = serverView;
  /** Notes of another age are made again. */
  #age = 0;
  #names: ReadonlySet<string> = new Set();

  constructor(views: readonly PageView[]) {
    this.#views = views;
  }

  get series(): readonly SeriesFacts[] {
    return this.#book.series;
  }

  read(text: string, options: PageReaderOptions = {}): SourceReading {
    const { lines, values, timestampsMs, isNew, hasReturned } = this.#pages.read(text, options);
    if (isNew || (hasReturned && this.#viewOf(lines) !== this.#view)) this.#look(lines);
    this.#book.open();
    let newestMs: number | undefined;
    for (let at = 0; at < lines.length; at++) {
      const line = lines[at];
      const value = values[at];
      if (line === undefined || value === undefined) continue;
      const { series, scale } = this.#noteOf(line);
      if (series === undefined || this.#view.isBlank(value)) continue;
      this.#book.add(series, value * scale);
      const timeMs = timestampsMs?.[at] ?? Number.NaN;
      if (!Number.isNaN(timeMs)) newestMs = Math.max(newestMs ?? timeMs, timeMs);
    }
    return this.#book.close(this.#view.kind, newestMs);
  }

  #look(lines: readonly PageLine<Note>[]): void {
    this.#age++;
    this.#view = this.#viewOf(lines);
    this.#names = new Set(lines.map(({ name }) => name));
  }

  #viewOf(lines: readonly PageLine<Note>[]): PageView {
    return this.#views.find(({ isOwn }) => lines.some(isOwn)) ?? serverView;
  }

  #noteOf(line: PageLine<Note>): Note {
    if (line.note?.age === this.#age) return line.note;
    const meaning = this.#view.describe(line, { families: this.#pages.families, names: this.#names });
    line.note = {
      age: this.#age,
      series: meaning && this.#book.of(meaning.facts, meaning.apart),
      scale: meaning?.scale ?? 1,
    };
    return line.note;
  }
}

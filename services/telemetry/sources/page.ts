/** A page of metrics that is fetched and read again and again. */
import { maskedUrl } from "../../../endpoints/target-url.ts";
import { messageOf } from "../../common/errors.ts";
import type { GpuField } from "../core/sources/dcgm-fields.ts";
import { createPageSource } from "../core/sources/page.ts";
import type { SeriesFacts, SourceReader } from "../core/sources/series.ts";
import type { FetchedPage, PageFetcher } from "./http.ts";
import type { Source, SourceAnswer } from "./source.ts";

/** TensorRT-LLM's server has its page here, below a `/metrics` that is something else. */
const otherPath = "/prometheus/metrics";

export interface PageOptions {
  readonly fetcher: PageFetcher;
  /** DCGM's fields beside the known ones. */
  readonly customFields?: readonly GpuField[];
}

/** @param text a URL, or `host:port`, whose `/metrics` is meant */
export function createPage(text: string, options: PageOptions): Source {
  return new Page(text, options);
}

class Page implements Source {
  readonly name: string;
  readonly #reader: SourceReader;
  readonly #fetcher: PageFetcher;
  #url: string;
  /** To be tried once, where the first answer of a server is no page; undefined: no more. */
  #otherUrl: string | undefined;

  constructor(text: string, { fetcher, customFields = [] }: PageOptions) {
    this.#fetcher = fetcher;
    this.#reader = createPageSource({ customFields });
    this.#url = pageUrlOf(text);
    this.#otherUrl = otherUrlOf(this.#url);
    this.name = shownUrlOf(this.#url);
  }

  get series(): readonly SeriesFacts[] {
    return this.#reader.series;
  }

  async read(signal: AbortSignal): Promise<SourceAnswer> {
    const first = await this.#readFrom(this.#url, signal);
    const other = this.#otherUrl;
    if (first.kind === "reading") this.#otherUrl = undefined;
    if (other === undefined || !first.isAnswered) return first;
    this.#otherUrl = undefined;
    const second = await this.#readFrom(other, signal);
    if (second.kind !== "reading") return first;
    this.#url = other;
    return second;
  }

  async #readFrom(url: string, signal: AbortSignal): Promise<SourceAnswer & { readonly isAnswered?: boolean }> {
    const page = await this.#fetcher.fetch(url, signal);
    return page.kind === "page" ? this.#understand(page) : page;
  }

  #understand(page: FetchedPage & { readonly kind: "page" }): SourceAnswer & { readonly isAnswered?: boolean } {
    try {
      const reading = this.#reader.read(page.text, { mustEnd: page.isOpenMetrics });
      if (reading.ids.length > 0) return { kind: "reading", reading, sizeBytes: page.sizeBytes };
      return { kind: "failed", reason: "page has no values", isAnswered: true };
    } catch (error) {
      const reason = `page is not in the Prometheus text format: ${messageOf(error)}`;
      return { kind: "failed", reason, isAnswered: true };
    }
  }
}

/** `http://` and `/metrics` are put where a URL has neither scheme nor path. What is no URL stays, and is never there. */
function pageUrlOf(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null) return text;
  if (url.pathname === "/") url.pathname = "/metrics";
  return url.href;
}

function otherUrlOf(pageUrl: string): string | undefined {
  const url = URL.parse(pageUrl);
  if (url === null || !url.pathname.endsWith("/metrics") || url.pathname.endsWith(otherPath)) return undefined;
  url.pathname = url.pathname.slice(0, -"/metrics".length) + otherPath;
  return url.href;
}

/** Without user and password, with keys of the query masked. */
function shownUrlOf(text: string): string {
  const url = URL.parse(text);
  if (url === null) return maskedUrl(text);
  url.username = "";
  url.password = "";
  return maskedUrl(url.href);
}

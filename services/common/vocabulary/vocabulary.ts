/** The common words of any server's series. */
import { type CommonMeaning, type CommonName, meaningIn, type NamedFacts, type ServerWords } from "./common.ts";
import { dynamoWords } from "./dynamo.ts";
import { llamaCppWords } from "./llama-cpp.ts";
import { sglangWords } from "./sglang.ts";
import { tgiWords } from "./tgi.ts";
import { tritonWords } from "./triton.ts";
import { trtllmWords } from "./trtllm.ts";
import { vllmWords } from "./vllm.ts";

export type { CommonMeaning, CommonName, NamedFacts, ServerName } from "./common.ts";

const servers: readonly ServerWords[] = [vllmWords, sglangWords, trtllmWords, tritonWords, tgiWords, llamaCppWords, dynamoWords];

/** What a series of a server's page is in common words; undefined: it has its own name alone. */
export function commonMeaning(facts: NamedFacts): CommonMeaning | undefined {
  for (const words of servers) {
    const meaning = meaningIn(words, facts);
    if (meaning !== undefined) return meaning;
  }
  return undefined;
}

/** All series that say one thing: values of several labels (engines, models, reasons) are added up, or shown beside each other. */
export interface CommonSeries<S> {
  readonly meaning: CommonMeaning;
  readonly series: readonly S[];
}

/**
 * Series of one page by their common names, in the order given. A histogram or summary is there with all its parts. Where the server says one
 * thing in several ways, only the best is there.
 */
export function commonSeries<S extends NamedFacts>(series: Iterable<S>): ReadonlyMap<CommonName, CommonSeries<S>> {
  const found = new Map<CommonName, { meaning: CommonMeaning; series: S[] }>();
  for (const facts of series) {
    const meaning = commonMeaning(facts);
    if (meaning === undefined) continue;
    const best = found.get(meaning.name);
    if (best === undefined || meaning.rank < best.meaning.rank) found.set(meaning.name, { meaning, series: [facts] });
    else if (meaning.rank === best.meaning.rank && meaning.server === best.meaning.server) best.series.push(facts);
  }
  return found;
}

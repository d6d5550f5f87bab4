/** Opens sources by what they are called. */
import { createSmiSource } from "./nvidia-smi.ts";
import { createPage, type PageOptions } from "./page.ts";
import type { Source } from "./source.ts";

export interface SourceOptions extends PageOptions {
  /** For what is no page. */
  readonly deadlineMs: number;
}

/** The name of the source that is no page. */
const smiName = "nvidia-smi";

/**
 * Nothing is asked before the first reading.
 *
 * @param text a URL, `host:port` (its `/metrics` is meant), or `nvidia-smi`
 */
export function openSource(text: string, options: SourceOptions): Source {
  return text === smiName ? createSmiSource({ deadlineMs: options.deadlineMs }) : createPage(text, options);
}

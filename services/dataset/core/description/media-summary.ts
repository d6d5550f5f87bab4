/** What media turns have. Pure but for what it keeps. */
import type { ChatMessage, Modality } from "../../../../endpoints/endpoint.ts";
import { LengthCollector, type LengthSummary } from "./length-summary.ts";

export interface MediaSummary {
  readonly modality: Exclude<Modality, "text">;
  /** Turns that were looked at. */
  readonly turns: number;
  readonly count: number;
  /** Of each as a file, in bytes; undefined: all are elsewhere. */
  readonly bytes: LengthSummary | undefined;
}

const modalities = ["image", "audio", "video"] as const;

export class MediaCollector {
  readonly #found = new Map(modalities.map((modality) => [modality, { count: 0, bytes: new LengthCollector() }]));
  #turns = 0;

  /** Counts the media of a turn. */
  add(messages: readonly Pick<ChatMessage, "parts">[]): void {
    this.#turns++;
    for (const { parts = [] } of messages) {
      for (const { modality, content } of parts) {
        const found = modality === "text" ? undefined : this.#found.get(modality);
        if (found === undefined) continue;
        found.count++;
        const bytes = bytesOf(content);
        if (bytes !== undefined) found.bytes.add(bytes);
      }
    }
  }

  /** Of the kinds that there are. */
  summary(): MediaSummary[] {
    return modalities.flatMap((modality) => {
      const found = this.#found.get(modality);
      if (found === undefined || found.count === 0) return [];
      return [{ modality, turns: this.#turns, count: found.count, bytes: found.bytes.summary() }];
    });
  }
}

/** Of a `data:` URL in base64; undefined: it is another one. */
function bytesOf(url: string): number | undefined {
  const head = /^data:[^,]{0,200};base64,/.exec(url)?.[0];
  if (head === undefined) return undefined;
  const padding = url.endsWith("==") ? 2 : url.endsWith("=") ? 1 : 0;
  return Math.floor((3 * (url.length - head.length)) / 4) - padding;
}

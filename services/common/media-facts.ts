/** What the media of a request are, as far as metrics tell of it. Pure. */
import type { ChatMessage } from "../../endpoints/endpoint.ts";

export interface MediaFacts {
  /** Absent: there are none. */
  readonly images?: number;
  /** Of all audio whose length can be seen: WAV in a `data:` URL. Absent: there is none. */
  readonly audioSeconds?: number;
}

/** Of all messages together. */
export function mediaFacts(messages: readonly ChatMessage[]): MediaFacts {
  const parts = messages.flatMap(({ parts = [] }) => parts);
  if (parts.length === 0) return {};
  const images = parts.filter(({ modality }) => modality === "image").length;
  const lengths = parts.flatMap(({ modality, content }) => (modality === "audio" ? (wavSeconds(content) ?? []) : []));
  return {
    ...(images === 0 ? {} : { images }),
    ...(lengths.length === 0 ? {} : { audioSeconds: lengths.reduce((sum, seconds) => sum + seconds, 0) }),
  };
}

/** Length of a WAV file in base64 behind a comma: its data by the bytes a second that its head names. Undefined: it is none. */
export function wavSeconds(content: string): number | undefined {
  const base64 = content.slice(content.indexOf(",") + 1);
  // Chunks before the samples are short: the format, at times a title.
  const head = binaryHead(base64, 1024);
  if (head === undefined || text(head, 0) !== "RIFF" || text(head, 8) !== "WAVE") return undefined;
  const sizeBytes = Math.floor((base64.length * 3) / 4) - (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0);
  let bytesPerSec = 0;
  for (let at = 12; at + 8 <= head.byteLength; ) {
    const length = head.getUint32(at + 4, true);
    if (text(head, at) === "fmt " && at + 20 <= head.byteLength) bytesPerSec = head.getUint32(at + 16, true);
    // A stream that is written as it is made has no right length.
    if (text(head, at) === "data") return bytesPerSec === 0 ? undefined : Math.min(length, sizeBytes - at - 8) / bytesPerSec;
    at += 8 + length + (length % 2);
  }
  return undefined;
}

function binaryHead(base64: string, most: number): DataView | undefined {
  const groups = Math.ceil(most / 3);
  try {
    const bytes = Uint8Array.from(atob(base64.slice(0, groups * 4)), (character) => character.charCodeAt(0));
    return new DataView(bytes.buffer);
  } catch {
    // Not base64 is an answer here.
    return undefined;
  }
}

function text(view: DataView, at: number): string {
  if (at + 4 > view.byteLength) return "";
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

/**
 * Media as rows name them: a URL, `data:` among them, goes to the target as it is; anything else is the path of a file. Tables have the
 * files themselves, too: `{"bytes": "iVBOR…", "path": "cat.png"}`. Pure.
 */
import type { Modality } from "../../../../endpoints/endpoint.ts";
import { isJsonObject } from "../../../../endpoints/json-body.ts";
import { base64Of, bytesOfBase64 } from "../base64.ts";
import { wavOfFlac } from "../media/flac.ts";
import { isGiven, shownValue } from "./row.ts";

export type Medium = Exclude<Modality, "text">;

/** What a row's reference stands for, as the target gets it, or why it cannot be had. */
export type MediaUrl = { readonly url: string } | { readonly problem: string };

/** Reads a file that a row names, as a `data:` URL. May block; never throws but where the dataset as a whole grows too large. */
export type ReadMedia = (path: string, medium: Medium) => MediaUrl;

/** Characters of a turn's media together: a turn fits into a message of the suite. */
export const maxMediaChars = 12 << 20;

export function mediaUrl(reference: string, medium: Medium, read: ReadMedia): MediaUrl {
  if (/^data:/i.test(reference)) return { url: reference };
  // As AIPerf's rows write audio: `wav,UklGR…`.
  const inline = medium === "audio" ? /^(wav|mp3),/i.exec(reference) : null;
  if (inline !== null) {
    return { url: `data:audio/${inline[1]?.toLowerCase()};base64,${reference.slice(inline[0].length)}` };
  }
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.?)/.exec(reference);
  if (scheme === null) return read(reference, medium);
  if (scheme[2] !== "" && scheme[2] !== "/") return { url: reference };
  return { problem: "expected a URL with a host, or the path of a file" };
}

/** A file within a row: its bytes in base64, or its path where it has none. Undefined: the value is no such object. */
export function embeddedMedium(value: unknown, medium: Medium, read: ReadMedia): MediaUrl | undefined {
  if (!isJsonObject(value)) return undefined;
  const { bytes, path } = value;
  if (!isGiven(bytes)) {
    return typeof path === "string" && path !== "" ? mediaUrl(path, medium, read) : undefined;
  }
  if (typeof bytes !== "string" || bytes.length % 4 !== 0 || !base64Characters.test(bytes)) {
    return { problem: `expected bytes in base64, got ${shownValue(bytes)}` };
  }
  const head = atob(bytes.slice(0, 24));
  return fileUrl({ head, base64: () => bytes, bytes: () => bytesOfBase64(bytes) ?? new Uint8Array() }, medium);
}

/** Of one class alone: a group that is repeated over megabytes is too much for the engine. */
const base64Characters = /^[A-Za-z0-9+/]+={0,2}$/;

export interface MediaFile {
  /** `mediaHeadBytes` of its beginning, a character a byte. */
  readonly head: string;
  base64(): string;
  bytes(): Uint8Array;
}

/** A file as a `data:` URL, with the bytes that it has; of FLAC, which targets hardly know, WAV of the same samples. */
export function fileUrl(file: MediaFile, medium: Medium): MediaUrl {
  if (medium === "audio" && file.head.startsWith("fLaC")) {
    const wav = wavOfFlac(file.bytes(), (maxMediaChars / 4) * 3);
    return "problem" in wav ? wav : { url: `data:audio/wav;base64,${base64Of(wav.bytes)}` };
  }
  const found = mediaType(file.head, medium);
  return "problem" in found ? found : { url: `data:${found.type};base64,${file.base64()}` };
}

/** Beginnings of files by which their kind is known. */
const kinds: readonly (readonly [Medium, subtype: string, isIt: (head: string) => boolean])[] = [
  ["image", "png", (head) => head.startsWith("\x89PNG\r\n\x1a\n")],
  ["image", "jpeg", (head) => head.startsWith("\xff\xd8\xff")],
  ["image", "gif", (head) => /^GIF8[79]a/.test(head)],
  ["image", "webp", (head) => head.startsWith("RIFF") && head.startsWith("WEBP", 8)],
  ["audio", "wav", (head) => head.startsWith("RIFF") && head.startsWith("WAVE", 8)],
  ["audio", "mp3", (head) => head.startsWith("ID3") || /^\xff[\xe2\xe3\xf2\xf3\xfa\xfb]/.test(head)],
  ["video", "mp4", (head) => head.startsWith("ftyp", 4)],
  ["video", "webm", (head) => head.startsWith("\x1aE\xdf\xa3")],
];

/** Bytes of a file's beginning that tell its kind. */
export const mediaHeadBytes = 16;

/**
 * The media type of a file, or why it is none of those that are sent.
 *
 * @param head `mediaHeadBytes` of its beginning, a character a byte
 */
export function mediaType(head: string, medium: Medium): { readonly type: string } | { readonly problem: string } {
  const found = kinds.find(([, , isIt]) => isIt(head));
  if (found?.[0] === medium) return { type: `${medium}/${found[1]}` };
  const wanted = kinds.filter(([kind]) => kind === medium).map(([, subtype]) => subtype);
  const got = found === undefined ? "something else" : `${found[0]}/${found[1]}`;
  return { problem: `expected a file of ${wanted.join(", ")}, got ${got}` };
}

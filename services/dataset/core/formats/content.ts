/**
 * What a turn says as AIPerf's rows write it: of each kind one (`text`, `image`, `audio`, `video`) or several (`texts`, …), these either
 * plain or named, `[{"name": "query", "contents": ["…"]}]`. `image_uuids` name plain images to the target's cache, `uuids` those of an
 * object; with them an image may be left out. In the place of a medium's text its file may stand, `{"bytes": …}`, as in tables.
 */
import type { ChatMessage, ContentPart, Modality } from "../../../../endpoints/endpoint.ts";
import { isJsonObject, type JsonObject } from "../../../../endpoints/json-body.ts";
import { embeddedMedium, maxMediaChars, mediaUrl, type ReadMedia } from "./media.ts";
import { isGiven, isName, type RowProblem, shownValue } from "./row.ts";

const modalities: readonly Modality[] = ["text", "image", "audio", "video"];

export const contentFields: readonly string[] = [...modalities.flatMap((modality) => [modality, `${modality}s`]), "image_uuids"];

/** Those of which a row has one at least. */
export const contentNames: readonly string[] = contentFields.filter((field) => field !== "image_uuids");

export type Content = Pick<ChatMessage, "content" | "parts">;

export interface ContentOptions {
  readonly readMedia: ReadMedia;
}

/** Reads the content of a turn. Never throws but as `readMedia` does. */
export function readContent(
  fields: JsonObject,
  { readMedia }: ContentOptions,
): { readonly content: Content } | { readonly problem: RowProblem } {
  const parts: ContentPart[] = [];
  for (const modality of modalities) {
    const unpacked = withoutFiles(fields, modality, readMedia);
    if ("problem" in unpacked) return unpacked;
    const items = itemsOf(unpacked.fields, modality);
    if ("problem" in items) return items;
    for (const item of items.items) {
      const part = partOf(item, modality, readMedia);
      if (typeof part === "string") return { problem: { field: items.field, message: part } };
      parts.push(part);
    }
  }
  const chars = parts.reduce((sum, { modality, content }) => sum + (modality === "text" ? 0 : content.length), 0);
  if (chars > maxMediaChars) {
    return {
      problem: { field: undefined, message: `its media have ${chars} characters as text, at most ${maxMediaChars} are sent` },
    };
  }
  if (parts.length > 0) return { content: withParts(parts) };
  const message = `expected a text that is not empty in the field text, or a medium, got ${shownValue(fields)}`;
  return { problem: { field: undefined, message } };
}

/** What a message has of its parts: of one text without a name the text alone. */
export function withParts(parts: readonly ContentPart[]): Content {
  const texts = parts.filter(({ modality }) => modality === "text").map(({ content }) => content);
  const [only, second] = parts;
  const isPlain = only !== undefined && second === undefined && only.modality === "text" && only.name === undefined;
  return { content: texts.join("\n"), ...(isPlain ? {} : { parts }) };
}

interface Item {
  readonly content: string;
  readonly name?: string | undefined;
  readonly uuid?: string | undefined;
}

type Items = { readonly field: string; readonly items: readonly Item[] } | { readonly problem: RowProblem };

function itemsOf(fields: JsonObject, modality: Modality): Items {
  const several = `${modality}s`;
  const { [modality]: one, [several]: many } = fields;
  const problem = (field: string, message: string): Items => ({ problem: { field, message } });
  if (isGiven(one) && typeof one !== "string") return problem(modality, `expected a text, got ${shownValue(one)}`);
  if (one && isGiven(many) && !(Array.isArray(many) && many.length === 0)) {
    return problem(several, `${modality} and ${several} cannot be set together`);
  }
  const uuids = modality === "image" ? fields.image_uuids : undefined;
  if (isGiven(uuids)) return withUuids(uuids, one, many);
  if (typeof one === "string" && one !== "") return { field: modality, items: [{ content: one }] };
  if (!isGiven(many)) return { field: modality, items: [] };
  const read = Array.isArray(many) ? listed(many, modality) : undefined;
  if (read === undefined) return problem(several, `expected ${expectedOf(modality)}, got ${shownValue(many)}`);
  return typeof read === "string" ? problem(several, read) : { field: several, items: read.filter(isSomething) };
}

/** Files that stand in the row as URLs, in the place of their objects. */
function withoutFiles(
  fields: JsonObject,
  modality: Modality,
  readMedia: ReadMedia,
): { readonly fields: JsonObject } | { readonly problem: RowProblem } {
  if (modality === "text") return { fields };
  const changed: Record<string, unknown> = {};
  for (const field of [modality, `${modality}s`]) {
    const value = fields[field];
    if (typeof value !== "object" || value === null) continue;
    const made = (Array.isArray(value) ? value : [value]).map(
      (item) => embeddedMedium(item, modality, readMedia) ?? { url: item },
    );
    const wrong = made.find((each) => "problem" in each);
    if (wrong !== undefined) return { problem: { field, message: wrong.problem } };
    const urls = made.flatMap((each) => ("problem" in each ? [] : [each.url]));
    changed[field] = Array.isArray(value) ? urls : urls[0];
  }
  return { fields: { ...fields, ...changed } };
}

function expectedOf(modality: Modality): string {
  return modality === "text" ? "texts" : `${modality}s: texts, or objects with contents`;
}

function isSomething({ content, uuid }: Item): boolean {
  return content !== "" || uuid !== undefined;
}

/** A list of texts, or of objects; undefined: it is neither. */
function listed(many: readonly unknown[], modality: Modality): Item[] | string | undefined {
  const items: Item[] = [];
  for (const entry of many) {
    const read = typeof entry === "string" ? [{ content: entry }] : isJsonObject(entry) ? named(entry, modality) : undefined;
    if (read === undefined) {
      // As for a single one, null is nothing.
      if (isGiven(entry)) return undefined;
      continue;
    }
    if (typeof read === "string") return read;
    items.push(...read);
  }
  return items;
}

function named({ name, contents, uuids }: JsonObject, modality: Modality): Item[] | string {
  if (isGiven(name) && typeof name !== "string") return `expected a name that is a text, got ${shownValue(name)}`;
  const ids = modality === "image" && isGiven(uuids) ? uuids : [];
  if (!Array.isArray(ids) || !ids.every(isName)) return `expected uuids that are texts and not empty, got ${shownValue(uuids)}`;
  const given = isGiven(contents) ? contents : ids.map(() => "");
  if (!isTexts(given) || (given.length === 0 && ids.length === 0)) {
    return `expected contents that are texts, got ${shownValue(contents)}`;
  }
  if (ids.length > 0 && ids.length !== given.length) return `${ids.length} uuids for ${given.length} images`;
  return given.map((content, index) => ({ content, name: isName(name) ? name : undefined, uuid: ids[index] }));
}

/** `image_uuids` beside plain images, or in their place. */
function withUuids(uuids: unknown, one: unknown, many: unknown): Items {
  const problem = (message: string): Items => ({ problem: { field: "image_uuids", message } });
  if (!Array.isArray(uuids) || !uuids.every(isName))
    return problem(`expected texts that are not empty, got ${shownValue(uuids)}`);
  if (isGiven(one)) return problem("image_uuids name images, not the one of image");
  const images = isGiven(many) && !(Array.isArray(many) && many.length === 0) ? many : uuids.map(() => "");
  if (!isTexts(images)) return problem("image_uuids name images that are texts; an object has uuids of its own");
  if (images.length !== uuids.length) return problem(`${uuids.length} image_uuids for ${images.length} images`);
  return { field: "images", items: images.map((content, index) => ({ content, uuid: uuids[index] })) };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

/** A text is the reason against it. */
function partOf({ content, name, uuid }: Item, modality: Modality, readMedia: ReadMedia): ContentPart | string {
  if (!content.isWellFormed()) return "half of a surrogate pair is no text";
  const own = { ...(name === undefined ? {} : { name }), ...(uuid === undefined ? {} : { uuid }) };
  if (modality === "text" || content === "") return { modality, content, ...own };
  const made = mediaUrl(content, modality, readMedia);
  return "problem" in made ? `${shownValue(content)}: ${made.problem}` : { modality, content: made.url, ...own };
}

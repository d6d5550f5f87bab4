/**
 * `column:NAME`: the prompt is the field `NAME` of a row, whatever else there is: of a table that was not made for load tests, one column.
 * A list of texts is a conversation of so many turns. `column:NAME,image=NAME,audio=NAME,video=NAME`: media stand beside it, in columns
 * of their own.
 */
import type { JsonObject } from "../../../../endpoints/json-body.ts";
import type { Format } from "./format.ts";
import type { Medium } from "./media.ts";
import { promptTable, type Texts } from "./prompt-table.ts";
import { isGiven, shownValue } from "./row.ts";

const prefix = "column:";
const media: readonly Medium[] = ["image", "audio", "video"];

/** The format of such a name; undefined: it is none. */
export function columnFormat(name: string): Format | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const [text = "", ...others] = name.slice(prefix.length).split(/,(?=(?:image|audio|video)=)/);
  const named = others.map((other) => other.split(/=(.*)/s, 2) as [Medium, string]);
  const mediaColumns = Object.fromEntries(named);
  const isWhole = named.every(([, column]) => column !== "") && Object.keys(mediaColumns).length === named.length;
  if (text === "" || !isWhole) return undefined;
  const columns = Object.fromEntries(media.flatMap((medium) => (mediaColumns[medium] ? [[medium, mediaColumns[medium]]] : [])));
  return promptTable(name, { texts: [text], media: columns, textsOf: (row) => textsIn(row, text) });
}

function textsIn(row: JsonObject, column: string): Texts {
  const value = row[column];
  const isList = Array.isArray(value);
  const texts = (isList ? value : [value]).filter(isGiven);
  if (texts.every((text) => typeof text === "string" && text.isWellFormed())) {
    return isList ? texts.map((text) => text.trim()) : texts;
  }
  return { problem: { field: column, message: `expected a text or a list of texts, got ${shownValue(value)}` } };
}

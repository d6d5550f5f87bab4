/** JSON as bodies carry it: UTF-8 bytes to values and back. */

/** An object as JSON has it. */
export type JsonObject = Readonly<Record<string, unknown>>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The UTF-8 bytes of a value; fields that are undefined are left out. */
export function encodeJson(value: JsonObject): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** The text of a body; a byte order mark is dropped, bytes that are not UTF-8 become U+FFFD. */
export function decodeText(body: Uint8Array): string {
  return decoder.decode(body);
}

/** The value of a JSON text, or undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Undefined is the answer: JSON itself cannot express it.
    return undefined;
  }
}

/** An object, neither null nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value if it is a string that is not empty. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A value that was parsed as JSON text again. Of what is nested deeper than the stack: that it is. */
export function jsonTextOf(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "(nested too deeply)";
  }
}

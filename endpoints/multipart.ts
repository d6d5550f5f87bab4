/** Bodies of several fields, some of them files, as HTML forms send them (RFC 7578). Pure. */
import { AssayError } from "../services/common/errors.ts";

/** A text, or a file. */
export interface FormField {
  readonly name: string;
  readonly value: string | FormFile;
}

export interface FormFile {
  readonly fileName: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** The same in every body, so that the header is, too, and the same turn gives the same bytes. */
const boundary = "assay-form-5c1f0b7e93d24a68";

/** The header `content-type` of these bodies. */
export const formContentType = `multipart/form-data; boundary=${boundary}`;

/** Throws `invalid_argument` for a field that has the boundary in it. */
export function encodeForm(fields: readonly FormField[]): Uint8Array {
  const parts = fields.flatMap(({ name, value }) => {
    const file = typeof value === "string" ? undefined : value;
    const named = file === undefined ? "" : `; filename="${quoted(file.fileName)}"`;
    const type = file === undefined ? "" : `content-type: ${file.contentType}\r\n`;
    const content = typeof value === "string" ? Buffer.from(value) : Buffer.from(value.bytes);
    if (content.includes(boundary)) throw new AssayError("invalid_argument", `the field ${name} holds ${boundary}`);
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"${named}\r\n${type}\r\n`;
    return [Buffer.from(head), content, Buffer.from("\r\n")];
  });
  return Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
}

/** What a user gives on top of an endpoint's own fields: texts as they are, everything else as its JSON. */
export function extraFields(extraInputs: Readonly<Record<string, unknown>>): FormField[] {
  return Object.entries(extraInputs).map(([name, value]) => ({
    name,
    value: typeof value === "string" ? value : JSON.stringify(value),
  }));
}

/**
 * The file of a `data:` URL; undefined for any other URL.
 *
 * @param name of the file without its ending, which is that of the type
 */
export function fileOf(url: string, name: string): FormFile | undefined {
  const [head, type = "", subtype = "bin"] = /^data:([^/;,]+\/([^;,]+))[^,]*;base64,/.exec(url) ?? [];
  if (head === undefined) return undefined;
  const ending = endings[subtype] ?? subtype.replace(/\+.*$/, "");
  return { fileName: `${name}.${ending}`, contentType: type, bytes: Buffer.from(url.slice(head.length), "base64") };
}

/** Servers go by the ending, and these are not their subtypes. */
const endings: Readonly<Record<string, string>> = {
  mpeg: "mp3",
  "x-wav": "wav",
  wave: "wav",
  "x-m4a": "m4a",
  "x-flac": "flac",
  jpeg: "jpg",
};

/** As browsers write names of fields and files. */
function quoted(name: string): string {
  return name.replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

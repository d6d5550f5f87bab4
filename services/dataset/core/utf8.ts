/** UTF-8 read strictly: what is none is said with its place, never replaced. Pure. */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of some bytes, or the text before the first one that does not belong to any character. */
export type Decoded = { readonly text: string } | { readonly textBefore: string };

export function decodeUtf8(bytes: Uint8Array): Decoded {
  try {
    return { text: decoder.decode(bytes) };
  } catch {
    // The decoder does not say where.
    return { textBefore: lenient.decode(bytes.subarray(0, invalidAt(bytes))) };
  }
}

/** Offset of the first byte at which no character begins. RFC 3629, §4: no overlong forms, no surrogates, nothing above U+10FFFF. */
function invalidAt(bytes: Uint8Array): number {
  let at = 0;
  for (let length = characterLength(bytes, at); length > 0; length = characterLength(bytes, at)) at += length;
  return at;
}

/** Bytes of the character that begins here; 0: there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === undefined) return 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  const [least, most] = secondByte(first);
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] ?? 0;
    if (byte < (index === 1 ? least : 0x80) || byte > (index === 1 ? most : 0xbf)) return 0;
  }
  return length;
}

function secondByte(first: number): readonly [least: number, most: number] {
  switch (first) {
    case 0xe0:
      return [0xa0, 0xbf];
    case 0xed:
      return [0x80, 0x9f];
    case 0xf0:
      return [0x90, 0xbf];
    case 0xf4:
      return [0x80, 0x8f];
    default:
      return [0x80, 0xbf];
  }
}

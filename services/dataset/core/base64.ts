/** Bytes as base64 (RFC 4648 §4, padded), without a line end. Pure. */

/** As many as a call takes as arguments. */
const bytesAtOnce = 8192;

export function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += bytesAtOnce) text += String.fromCharCode(...bytes.subarray(at, at + bytesAtOnce));
  return btoa(text);
}

/** Undefined: it is no base64. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
    return bytes;
  } catch {
    // That it is none is an answer here.
    return undefined;
  }
}

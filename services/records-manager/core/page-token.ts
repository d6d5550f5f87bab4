/** Page tokens of queries: opaque to whoever holds one, good for the same query only. */
import { AssayError } from "../../common/errors.ts";

/** Token for the page that begins after credit `lastId`. `query` = what the pages have in common, any text. */
export function encodePageToken(lastId: number, query: string): string {
  return btoa(`${lastId} ${encodeURIComponent(query)}`);
}

/** The credit id after which the page begins. Throws `invalid_argument` for a token that this query did not give. */
export function decodePageToken(token: string, query: string): number {
  const match = /^(\d+) (.*)$/.exec(textOf(token));
  if (match === null || match[2] !== encodeURIComponent(query)) {
    throw new AssayError("invalid_argument", `page token must come from the same query, got "${token}"`);
  }
  return Number(match[1]);
}

function textOf(token: string): string {
  try {
    return atob(token);
  } catch {
    // Not base64: no token of ours, which is what empty text leads to.
    return "";
  }
}

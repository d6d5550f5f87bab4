/** What answers say: the endless repetition of a vocabulary. Pure. */

// Each is one token, with its space, in the usual vocabularies; their lengths differ, so chunk sizes do.
export const vocabulary: readonly string[] = (
  " the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one" +
  " you were all her she there would their we him been has when who will no more if out so up said what its about than" +
  " into them can only other time new some could these two may first then do any like my now over such our man me even most"
)
  .split(" ")
  .slice(1)
  .map((word) => ` ${word}`);

const cycle = vocabulary.join("");
const wordStarts = vocabulary.map((_, i) => vocabulary.slice(0, i).join("").length);
const longRing = cycle.repeat(16);

/** Where in the vocabulary a choice starts: its text depends on the prompt's size and its index alone. */
export function firstWordOf({ promptTokens }: { readonly promptTokens: number }, choice: number): number {
  return (promptTokens + choice) % vocabulary.length;
}

/** `count` words of the repetition, from a word of the vocabulary on. */
export function wordsFrom(first: number, count: number): string {
  const start = wordStarts[first] ?? 0;
  const last = first + count;
  const end = Math.floor(last / vocabulary.length) * cycle.length + (wordStarts[last % vocabulary.length] ?? 0);
  const ring = end <= longRing.length ? longRing : cycle.repeat(Math.ceil(end / cycle.length));
  return ring.slice(start, end);
}

/**
 * The code of strings in blocks of headers (RFC 7541, section 5.2 and appendix B). It is canonical: codes are numbered by length, then by
 * symbol, so that their lengths say all. Pure.
 */

/** In bits, by symbol; the last one is the end of a string, which may not stand in one. */
const codeLengths =
  "13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28 6 10 10 12 13 6 8 11 10 10 8 11 " +
  "8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6 6 " +
  "6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28 20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 " +
  "21 22 23 22 23 23 24 22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23 26 26 20 19 " +
  "22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27 20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 " +
  "23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26 30";

const endOfString = 256;
/** Nodes of a binary tree, two numbers each, for a 0 and a 1: the next node, or the symbol as −1 − symbol. Node 0 is the root. */
const tree: Int16Array = plantTree(codeLengths.split(" ").map(Number));

/** The string in `bytes[start, end)`, in Latin-1; undefined: it is not coded so. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  let node = 0;
  let bits = 0;
  let areOnes = true;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    for (let mask = 0x80; mask !== 0; mask >>>= 1) {
      const bit = (byte & mask) === 0 ? 0 : 1;
      const next = tree[node * 2 + bit] ?? 0;
      bits++;
      areOnes &&= bit === 1;
      if (next >= 0) {
        node = next;
        continue;
      }
      const symbol = -1 - next;
      if (symbol === endOfString) return undefined;
      text += String.fromCharCode(symbol);
      node = 0;
      bits = 0;
      areOnes = true;
    }
  }
  // What is left over fills the last byte: fewer than eight bits, all of them 1.
  return bits < 8 && areOnes ? text : undefined;
}

function plantTree(lengths: readonly number[]): Int16Array {
  const symbols = lengths.map((_, symbol) => symbol).sort((one, other) => lengthOf(one) - lengthOf(other) || one - other);
  // A binary tree whose leaves are the symbols has one node less than leaves.
  const nodes = new Int16Array((lengths.length - 1) * 2);
  let used = 1;
  let code = 0;
  let length = lengthOf(symbols[0] ?? 0);
  for (const symbol of symbols) {
    code *= 2 ** (lengthOf(symbol) - length);
    length = lengthOf(symbol);
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const slot = node * 2 + (Math.floor(code / 2 ** bit) % 2);
      if (nodes[slot] === 0) nodes[slot] = used++;
      node = nodes[slot] ?? 0;
    }
    nodes[node * 2 + (code % 2)] = -1 - symbol;
    code++;
  }
  return nodes;

  function lengthOf(symbol: number): number {
    return lengths[symbol] ?? 0;
  }
}

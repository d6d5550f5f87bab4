/**
 * What is new in each text of a stream. TensorRT-LLM and Triton's generate extension send the new piece alone, with `accumulate_tokens` the
 * whole text so far; SGLang's `/generate` the other way about. Nothing in a message says which, and no single text does: of two pieces, too,
 * the second may begin with the first. So the whole stream decides, and it is read as its API usually is unless it cannot be that:
 *
 * - `pieces`, unless it grows: every text begins with the one before and is longer. It may stand still once it has grown (a last message
 *   without text of its own), and a character that had come in part (U+FFFD) may be another.
 * - `cumulative`, unless a text is neither as above nor the same as the first, nor the last one and cut short (the beginning of a stop
 *   sequence that is taken back).
 */

export type TextKind = "pieces" | "cumulative";

/** Says what is new in a text, of a stream's texts in order. */
export type NewText = (text: string) => string;

/** Of one stream: what it was begun to be read as, and what it turns out to be. */
class TextStream {
  readonly #readAs: TextKind;
  readonly #usual: TextKind;
  #before = "";
  #hasGrown = false;
  /** It may be the whole text so far in every message, but for a last one that is shorter. */
  #mayBeWhole = true;
  #isCut = false;

  constructor(readAs: TextKind, usual: TextKind) {
    this.#readAs = readAs;
    this.#usual = usual;
  }

  /** Of all texts so far. */
  get kind(): TextKind {
    const isWhole = this.#mayBeWhole && (this.#usual === "cumulative" || this.#hasGrown);
    return isWhole ? "cumulative" : "pieces";
  }

  readonly newText: NewText = (text) => {
    if (text === "") return "";
    const before = this.#before;
    if (this.#mayBeWhole) this.#weigh(text);
    this.#before = text;
    return this.#readAs === "pieces" ? text : text.slice(before.length);
  };

  #weigh(text: string): void {
    const before = this.#before;
    const isUsual = this.#usual === "cumulative";
    const known = withoutPart(before);
    if (this.#isCut) this.#mayBeWhole = false;
    else if (before === "") return;
    else if (text === before) this.#mayBeWhole = isUsual || this.#hasGrown;
    else if (text.length >= before.length && text.startsWith(known) && (isUsual || known !== "")) this.#hasGrown = true;
    else if (isUsual && before.startsWith(text)) this.#isCut = true;
    else this.#mayBeWhole = false;
  }
}

/** Without the characters at its end of which only some bytes had come. */
function withoutPart(text: string): string {
  return text.replace(/\uFFFD+$/, "");
}

/**
 * Reads an answer whose texts are of either kind, again where it turns out to be of the other one.
 * @param read reads the whole answer anew; it takes a function of its own from `next` for every stream of texts that is in it
 */
export function readTexts<T>(usual: TextKind, read: (next: () => NewText) => T): T {
  const [found, kinds] = pass(usual, read, () => usual);
  return kinds.every((kind) => kind === usual) ? found : pass(usual, read, (index) => kinds[index] ?? usual)[0];
}

function pass<T>(
  usual: TextKind,
  read: (next: () => NewText) => T,
  kindOf: (index: number) => TextKind,
): readonly [T, TextKind[]] {
  const streams: TextStream[] = [];
  const found = read(() => {
    const stream = new TextStream(kindOf(streams.length), usual);
    streams.push(stream);
    return stream.newText;
  });
  return [found, streams.map(({ kind }) => kind)];
}

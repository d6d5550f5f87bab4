/**
 * Reasoning that stands in the text itself, as `<think>…</think>` ahead of the answer: models write it so, and a server that does not
 * take it out sends it as text. Pure.
 */

/**
 * - `auto`: a text that begins with `<think>`, white space before it aside, is reasoning up to `</think>`.
 * - `open`: every text begins inside of reasoning, `<think>` or not, since the prompt's template ends with the tag.
 * - `off`: text is text.
 */
export const reasoningTagModes = ["auto", "open", "off"] as const;
export type ReasoningTags = (typeof reasoningTagModes)[number];

/** What endpoints whose answers are text can be told of it. Default: `auto`. */
export interface TagOptions {
  readonly reasoningTags?: ReasoningTags | undefined;
}

const openTag = "<think>";
const closeTag = "</think>";

/** What is known of a piece of text: either part may be empty, and so may both, where the piece is a tag or may be one. */
export interface TaggedText {
  readonly reasoning: string;
  readonly output: string;
}

/**
 * Splits one answer's text, piece by piece; a tag may lie across pieces. The tags themselves are in neither part, all else is in one of
 * them once, in its order. Once `isOver`, everything that follows is output.
 */
export class TagSplitter {
  #state: "before" | "inside" | "over" = "before";
  #hasReasoning = false;
  readonly #isOpen: boolean;
  /** The end of what came, as long as it may be the beginning of a tag. */
  #held = "";

  constructor(mode: "auto" | "open") {
    this.#isOpen = mode === "open";
  }

  /** The text is known not to be inside of reasoning any more. */
  get isOver(): boolean {
    return this.#state === "over";
  }

  /** Nothing but white space or the beginning of a tag has come: it may be reasoning or not. */
  get isUnknown(): boolean {
    return this.#state === "before";
  }

  /** Some of what came is reasoning, be it the tag alone. */
  get hasReasoning(): boolean {
    return this.#hasReasoning;
  }

  /** Takes the next piece. */
  add(piece: string): TaggedText {
    const text = this.#held + piece;
    this.#held = "";
    if (this.#state === "before") return this.#begin(text);
    return this.#state === "inside" ? this.#think(text) : { reasoning: "", output: text };
  }

  /** No more of it comes, or something that is no text: what was held back is what it looked like. */
  end(): TaggedText {
    const held = this.#held;
    const isReasoning = this.#state === "inside" || (this.#state === "before" && this.#isOpen);
    this.#held = "";
    this.#state = "over";
    return isReasoning ? { reasoning: held, output: "" } : { reasoning: "", output: held };
  }

  #begin(text: string): TaggedText {
    const begun = text.trimStart();
    if (begun.startsWith(openTag)) {
      return this.#think(begun.slice(openTag.length));
    }
    if (openTag.startsWith(begun)) {
      this.#held = text;
      return { reasoning: "", output: "" };
    }
    if (this.#isOpen) return this.#think(text);
    this.#state = "over";
    return { reasoning: "", output: text };
  }

  #think(text: string): TaggedText {
    this.#state = "inside";
    this.#hasReasoning = true;
    const at = text.indexOf(closeTag);
    if (at >= 0) {
      this.#state = "over";
      return { reasoning: text.slice(0, at), output: text.slice(at + closeTag.length) };
    }
    this.#held = tagBeginning(text);
    return { reasoning: text.slice(0, text.length - this.#held.length), output: "" };
  }
}

/** The longest end of a text with which the closing tag begins. */
function tagBeginning(text: string): string {
  const at = text.lastIndexOf("<");
  const end = at < 0 ? "" : text.slice(at);
  return closeTag.startsWith(end) ? end : "";
}

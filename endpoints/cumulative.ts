/**
 * What is new in each text of a stream that may repeat all before it. SGLang's `/generate` and TensorRT-LLM with `accumulate_tokens`
 * send the whole text so far in every event, other settings of the same servers the new piece alone, and nothing in an event says
 * which. The texts themselves do: one that is longer and begins with the one before is the whole so far; one that begins otherwise is a piece.
 */

type Kind = "unknown" | "cumulative" | "pieces";

/** What is new in a text, of a stream's texts in order. A new function for every stream. */
export function createNewText(): (text: string) => string {
  let kind: Kind = "unknown";
  let before = "";
  /** Texts equal to the first, while it is open what they are. */
  let held = "";
  return (text) => {
    if (text === "" || kind === "pieces") return text;
    if (kind === "unknown" && text === before) {
      held += text;
      return "";
    }
    if (kind === "unknown" && before !== "") kind = text.startsWith(before) ? "cumulative" : "pieces";
    if (kind === "pieces") return held + text;
    // Shorter: the beginning of a stop sequence was taken back. Otherwise different: a character that had come in part is whole now.
    const added = text.slice(before.length);
    if (added !== "") before = text;
    return added;
  };
}

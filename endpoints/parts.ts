/** The pieces of messages, whether a message lists them or is one text. Pure. */
import type { ChatMessage, ContentPart, Modality } from "./endpoint.ts";

/** What a message is made of, in order; of one that lists nothing its text, and nothing where that is empty. */
export function partsOf({ parts, content }: ChatMessage): readonly ContentPart[] {
  return parts ?? (content === "" ? [] : [{ modality: "text", content }]);
}

/**
 * Contents of a kind in messages, in order.
 *
 * @param name of the parts that are wanted, as a row calls them (`query`); undefined: whatever their names
 */
export function contentsOf(messages: readonly ChatMessage[], modality: Modality, name?: string): string[] {
  return messages
    .flatMap(partsOf)
    .filter((part) => part.modality === modality && (name === undefined || part.name === name) && part.content !== "")
    .map(({ content }) => content);
}

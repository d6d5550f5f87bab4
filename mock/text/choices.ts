/** Chat and completions: answers that are lists of choices, whole and in events. Pure but for `Buffer`. */
import { asciiJson } from "./ascii-json.ts";
import type { FinishReason, MockEndpoint } from "./endpoint.ts";
import { eventTemplate, marks, stampText } from "./event-template.ts";
import type { StreamEvents } from "./events.ts";
import { errorBody } from "./refusal.ts";
import type { TextRequest } from "./request.ts";
import { firstWordOf, vocabulary, wordsFrom } from "./words.ts";

/** What the two APIs write differently. */
export interface ChoiceForm {
  readonly name: string;
  readonly idPrefix: string;
  /** The `object` of an answer, and of a streamed event. */
  readonly wholeObject: string;
  readonly eventObject: string;
  /** JSON of the event's choice that opens a stream, if one does. */
  readonly openingChoice: string | undefined;
  /** JSON of an event's choice with some content. Here and below `text` needs no escapes. */
  contentChoice(index: number, text: string): string;
  /** JSON of the event's choice that says why the answer ends. */
  finishChoice(index: number, reason: FinishReason): string;
  /** JSON of a whole answer's choice. */
  wholeChoice(index: number, text: string, reason: FinishReason): string;
}

type FromForm = Exclude<keyof MockEndpoint, "lengthFields" | "readPrompt" | "textsOf">;

export function choiceEndpoint(form: ChoiceForm, rest: Omit<MockEndpoint, FromForm>): MockEndpoint {
  return {
    ...rest,
    name: form.name,
    namesModel: true,
    usageOfStreams: "asked",
    streamEvents: (model, hasStamps) => streamEvents(form, model, hasStamps),
    hasDone: true,
    wholeBody: (request, hasStamps) => wholeBody(form, request, hasStamps),
    errorBody,
    errorEvents: (why) => `data: ${errorBody(why)}\n\n`,
  };
}

function streamEvents(form: ChoiceForm, model: string, hasStamps: boolean): StreamEvents {
  const stamp = hasStamps ? `,"assay_sent_ns":"${marks.stamp}"` : "";
  const head = `"id":"${form.idPrefix}${marks.id}","object":"${form.eventObject}","created":${marks.created}${stamp},"model":${asciiJson(model)}`;
  const template = (rest: string) => eventTemplate(`data: {${head},${rest}}\n\n`);
  const ofChoice = (choice: string) => template(`"choices":[${choice}]`);
  const words = vocabulary.map((word) => ofChoice(form.contentChoice(0, word)));
  const opening = form.openingChoice === undefined ? undefined : ofChoice(form.openingChoice);
  const finish = { length: ofChoice(form.finishChoice(0, "length")), stop: ofChoice(form.finishChoice(0, "stop")) };
  return {
    opening: () => opening,
    content(choice, first, count) {
      const prebuilt = choice === 0 && count === 1 ? words[first] : undefined;
      return prebuilt ?? ofChoice(form.contentChoice(choice, wordsFrom(first, count)));
    },
    finish: (choice, reason) => (choice === 0 ? finish[reason] : ofChoice(form.finishChoice(choice, reason))),
    ending(request, receivedNs) {
      if (!request.hasUsage) return undefined;
      const received = hasStamps ? `,"assay_received_ns":"${stampText(receivedNs)}"` : "";
      return template(`"choices":[],${usageJson(request)}${received}`);
    },
  };
}

function wholeBody(form: ChoiceForm, request: TextRequest, hasStamps: boolean): string {
  const { choices, tokens, finishReason, model, hasUsage } = request;
  let list = "";
  for (let index = 0; index < choices; index++) {
    const text = wordsFrom(firstWordOf(request, index), tokens);
    list += `${index === 0 ? "" : ","}${form.wholeChoice(index, text, finishReason)}`;
  }
  return (
    `{"id":"${form.idPrefix}${marks.id}","object":"${form.wholeObject}","created":${marks.created},` +
    `${hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : ""}"model":${asciiJson(model)},` +
    `"choices":[${list}]${hasUsage ? `,${usageJson(request)}` : ""}}`
  );
}

function usageJson({ promptTokens, tokens, choices, cachedTokens }: TextRequest): string {
  const completion = tokens * choices;
  const details = cachedTokens === undefined ? "" : `,"prompt_tokens_details":{"cached_tokens":${cachedTokens}}`;
  return (
    `"usage":{"prompt_tokens":${promptTokens},"completion_tokens":${completion},` +
    `"total_tokens":${promptTokens + completion}${details}}`
  );
}

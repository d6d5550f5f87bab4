/**
 * AIPerf's `raw_payload`: a row is the body of a request, `{"model": "m", "messages": […], "max_tokens": 64}`, sent as it is. In a folder
 * a file is a conversation, its rows are the turns, in order, none with what was said before; otherwise a row is one by itself.
 */
import type { Format } from "./format.ts";
import { isGiven } from "./row.ts";
import { bodyProblem, turnOfBody } from "./whole-body.ts";

export const rawPayloadFormat: Format = {
  name: "raw_payload",
  fields: [],
  // A trajectory of an agent has messages, too, and is no body.
  recognizes: (row) => Array.isArray(row.messages) && !isGiven(row.conversation_id) && !Array.isArray(row.data),
  sessionOf: (_row, { file, isInFolder }) => (isInFolder ? file : undefined),
  createReader: () => ({
    read(row, { file, isInFolder }) {
      const message = bodyProblem(row);
      if (message !== undefined) return { problem: { field: undefined, message } };
      return { row: { sessionId: isInFolder ? file : undefined, turns: [turnOfBody(row)], unknownFields: [] } };
    },
  }),
};

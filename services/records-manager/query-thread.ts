/** The thread that answers queries: one at a time, in the order in which they were asked. Started by `query-client.ts`. */
import { parentPort } from "node:worker_threads";
import { AssayError, messageOf } from "../common/errors.ts";
import { queries } from "./queries.ts";
import type { ThreadAnswer, ThreadQuestion } from "./query-client.ts";

parentPort?.on("message", (question: ThreadQuestion) => {
  parentPort?.postMessage(answerTo(question));
});

function answerTo({ id, name, argument }: ThreadQuestion): ThreadAnswer {
  try {
    // The client's types tie name and argument together; across the thread's border they are one pair of unknowns.
    const query = queries[name] as (argument: unknown) => unknown;
    return { id, result: query(argument) };
  } catch (error) {
    // A class does not survive the border; its parts do.
    if (!(error instanceof AssayError))
      return { id, error: { code: "internal", message: messageOf(error), reason: "INTERNAL", metadata: {} } };
    const { code, message, reason, metadata } = error;
    return { id, error: { code, message, reason, metadata } };
  }
}

/** The thread that answers queries: one at a time, in the order in which they were asked. Started by `answering-thread.ts`. */
import { parentPort } from "node:worker_threads";
import { AssayError, messageOf } from "../common/errors.ts";
import type { ThreadAnswer, ThreadQuestion } from "./answering-thread.ts";
import { queries } from "./queries.ts";

parentPort?.on("message", (question: ThreadQuestion) => {
  parentPort?.postMessage(answerTo(question));
});

function answerTo({ name, argument }: ThreadQuestion): ThreadAnswer {
  try {
    // The client's types tie name and argument together; across the thread's border they are one pair of unknowns.
    const query = queries[name] as (argument: unknown) => unknown;
    return { result: query(argument) };
  } catch (error) {
    // A class does not survive the border; its parts do.
    if (!(error instanceof AssayError))
      return { error: { code: "internal", message: messageOf(error), reason: "INTERNAL", metadata: {} } };
    const { code, message, reason, metadata } = error;
    return { error: { code, message, reason, metadata } };
  }
}

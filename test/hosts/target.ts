/**
 * A server of chats, as a process of its own, that writes down each request as it comes: a line with its `x-request-id` and when it was there, by
 * CLOCK_MONOTONIC in ns, in the file that it is told. Answers after so many ms, as a stream. Arguments: port, file, ms.
 */
import { createWriteStream } from "node:fs";
import { createServer } from "node:http";

const [port, path, answerMs] = process.argv.slice(2);
const log = createWriteStream(path ?? "");
const chunk = (change: object): string =>
  `data: ${JSON.stringify({ object: "chat.completion.chunk", model: "m", ...change })}\n\n`;
const choice = (content: string, reason: string | null) => ({
  choices: [{ index: 0, delta: { content }, finish_reason: reason }],
});
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const answer = `${chunk(choice("one", null))}${chunk(choice(" two", "stop"))}${chunk({ choices: [], usage })}data: [DONE]\n\n`;

const server = createServer((request, response) => {
  const receivedNs = process.hrtime.bigint();
  const id = request.headers["x-request-id"];
  if (typeof id === "string") log.write(`${id} ${receivedNs}\n`);
  request.resume();
  request.once("end", () => {
    setTimeout(() => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(answer);
    }, Number(answerMs));
  });
});
server.listen(Number(port), "0.0.0.0", () => process.stdout.write("listening\n"));

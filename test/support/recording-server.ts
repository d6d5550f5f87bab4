/** A server of completions and chats that remembers what it was asked: as small as one can be that a run can be held against. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface RecordedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
  /** Port of the connection's other end. */
  readonly fromPort: number;
  /** When it had been read, and when its answer had been handed over, by `performance.now()`; NaN: not yet. */
  readonly receivedMs: number;
  answeredMs: number;
}

export interface RecordingServer {
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  close(): Promise<void>;
}

/**
 * Answers every POST with `words` as a stream of completions, or of a chat below `/chat/`, and with usage where that is asked for,
 * once `gate` has resolved. Where it has tools, a chat is answered with
 * calls of them, until it brings a result.
 */
export async function startRecordingServer(
  words: readonly string[],
  gate: Promise<void> = Promise.resolve(),
  tools: readonly string[] = [],
): Promise<RecordingServer> {
  const requests: RecordedRequest[] = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await text(request)) as RecordedRequest["body"];
    const path = request.url ?? "";
    const isChat = path.includes("/chat/");
    const fromPort = request.socket.remotePort ?? 0;
    const recorded = { path, headers: request.headers, body, fromPort, receivedMs: performance.now(), answeredMs: Number.NaN };
    requests.push(recorded);
    await gate;
    response.writeHead(200, { "content-type": "text/event-stream" });
    const say = (event: object): void => {
      response.write(
        `data: ${JSON.stringify({ object: isChat ? "chat.completion.chunk" : "text_completion", model: body.model, ...event })}\n\n`,
      );
    };
    const saying = (text: string): object => (isChat ? { delta: { content: text } } : { text });
    const messages = Array.isArray(body.messages) ? (body.messages as readonly { readonly role: string }[]) : [];
    if (isChat && tools.length > 0 && messages.at(-1)?.role !== "tool") {
      for (const [index, name] of tools.entries()) {
        const begun = { index, id: `call-${requests.length}-${index}`, type: "function", function: { name, arguments: "" } };
        say({ choices: [{ index: 0, delta: { tool_calls: [begun] }, finish_reason: null }] });
        for (const piece of ['{"of":', `"${name}"}`]) {
          say({
            choices: [{ index: 0, delta: { tool_calls: [{ index, function: { arguments: piece } }] }, finish_reason: null }],
          });
        }
      }
      say({ choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] });
      recorded.answeredMs = performance.now();
      response.end("data: [DONE]\n\n");
      return;
    }
    for (const word of words) say({ choices: [{ index: 0, ...saying(word), finish_reason: null }] });
    say({ choices: [{ index: 0, ...saying(""), finish_reason: "length" }] });
    const wanted = (body.stream_options ?? {}) as { include_usage?: boolean };
    if (wanted.include_usage) say({ choices: [], usage: { prompt_tokens: 77, completion_tokens: 9, total_tokens: 86 } });
    recorded.answeredMs = performance.now();
    response.end("data: [DONE]\n\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

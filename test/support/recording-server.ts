/** A completions server that remembers what it was asked: as small as one can be that a run can be held against. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface RecordedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

export interface RecordingServer {
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  close(): Promise<void>;
}

/** Answers every POST with `words` as a stream of completions, and with usage where that is asked for, once `gate` has resolved. */
export async function startRecordingServer(words: readonly string[], gate: Promise<void>): Promise<RecordingServer> {
  const requests: RecordedRequest[] = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await text(request)) as RecordedRequest["body"];
    requests.push({ path: request.url ?? "", headers: request.headers, body });
    await gate;
    response.writeHead(200, { "content-type": "text/event-stream" });
    const say = (event: object): void => {
      response.write(`data: ${JSON.stringify({ object: "text_completion", model: body.model, ...event })}\n\n`);
    };
    for (const word of words) say({ choices: [{ index: 0, text: word, finish_reason: null }] });
    say({ choices: [{ index: 0, text: "", finish_reason: "length" }] });
    const wanted = (body.stream_options ?? {}) as { include_usage?: boolean };
    if (wanted.include_usage) say({ choices: [], usage: { prompt_tokens: 77, completion_tokens: 9, total_tokens: 86 } });
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

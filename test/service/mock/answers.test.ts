import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { expect } from "chai";
import { Answers } from "../../../mock/answers/answers.ts";
import { HttpRecipient } from "../../../mock/answers/http-recipient.ts";
import { Connection } from "../../../mock/http/connection.ts";
import { type MockOptions, withDefaults } from "../../../mock/options.ts";
import { chat } from "../../../mock/text/chat.ts";
import { isRefusal } from "../../../mock/text/refusal.ts";
import { readTextRequest } from "../../../mock/text/request.ts";
import { monotonicNs } from "../../../services/common/clock.ts";
import { openSocket, rawRequest } from "./raw-client.ts";

let answers: Answers;
let server: Server;

/** A port whose connections are answered by `answers`, with nothing else around them. */
async function serve(options: Partial<MockOptions>): Promise<number> {
  answers = new Answers({ options: withDefaults(options), now: monotonicNs, createdSec: () => 0 }, ["mock"]);
  server = createServer(
    (socket) =>
      new Connection(socket, {
        route(request, connection) {
          const deps = { usage: "asked", models: [], ownLength: () => 5, cachedTokens: undefined } as const;
          const read = readTextRequest(chat, JSON.parse(request.body.toString()), deps);
          if (!isRefusal(read)) answers.begin(read, new HttpRecipient(connection, read, 1));
        },
        faultBody: () => "",
        limits: { headBytes: 1000, bodyBytes: 1000 },
        date: () => "",
      }),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const turns = async (isReached: () => boolean) => {
  while (!isReached()) await new Promise((resolve) => setImmediate(resolve));
};

describe("an answer whose client goes", () => {
  afterEach(() => {
    answers.schedule.stop();
    server.close();
  });

  const late = { ttftMs: 3_600_000 };
  const cases: [string, Partial<MockOptions>][] = [
    ["before its first token", late],
    ["between tokens", { itlMs: 3_600_000 }],
    ["while it stalls", { failures: { stall: 1 } }],
    ["while it stalls midway", { failures: { "stall-midway": 1 } }],
    ["while it is slow", { failures: { slow: 1 }, slowMs: 3_600_000 }],
  ];
  for (const [when, options] of cases) {
    for (const stream of [true, false]) {
      it(`leaves nothing on the schedule, ${stream ? "streamed" : "whole"} and gone ${when}`, async () => {
        const port = await serve(options);
        const socket = await openSocket(port);
        socket.write(rawRequest({ stream }));
        await turns(() => answers.schedule.size === 1 && answers.stats.openStreams === 1);
        socket.destroy();
        await turns(() => answers.stats.openStreams === 0);
        expect(answers.schedule.size).to.equal(0);
        expect(answers.stats).to.include({ requests: 1, aborted: 1 });
      });
    }
  }
});

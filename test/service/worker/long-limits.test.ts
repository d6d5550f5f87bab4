import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema, TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { createPath } from "../../../services/worker/request-path.ts";
import { startConnectProxy } from "../../support/connect-proxy.ts";
import { timerOverflowsOf } from "../../support/timer-overflows.ts";
import { Harness } from "../rpc/harness.ts";
import { plainAnswer, startScripted } from "./scripted-server.ts";

describe("a limit for connections beyond what a timer can wait", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  const rows: readonly [name: string, kind: TransportKind, isProxied: boolean][] = [
    ["http1", TransportKind.HTTP1, false],
    ["http2", TransportKind.HTTP2, false],
    ["undici through a proxy", TransportKind.UNDICI, true],
  ];
  for (const [name, transport, isProxied] of rows) {
    it(`is as good as none over ${name}`, async () => {
      const server = await startScripted(({ socket }) => void socket.write(plainAnswer("ok")));
      harness.onClose(() => server.stop());
      const proxy = isProxied ? await startConnectProxy() : undefined;
      harness.onClose(() => proxy?.stop());
      const target: MessageInitShape<typeof RunSpecSchema>["target"] = {
        urls: [{ url: server.origin }],
        connectTimeoutSec: 1e7,
        transport,
        proxyUrl: proxy?.url ?? "",
      };
      const overflows = await timerOverflowsOf(async () => {
        const path = await createPath(create(RunSpecSchema, { models: ["m"], target }));
        await path.transport.open(0, 1, AbortSignal.timeout(1000));
        await path.transport.close();
      });
      expect(overflows).to.deep.equal([]);
    });
  }
});

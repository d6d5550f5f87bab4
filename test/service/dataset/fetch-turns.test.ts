import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { DatasetService } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { createDatasetModule } from "../../../services/dataset/module.ts";
import { fetchAndCheck, writePrompts } from "../../support/many-turns.ts";
import { Harness } from "../rpc/harness.ts";

describe("turns fetched by many at once", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  it("are what the file says to the byte, each in its place", async () => {
    const root = await mkdtemp(join(tmpdir(), "assay-fetch-"));
    harness.onClose(() => rm(root, { recursive: true, force: true }));
    const path = join(root, "prompts.jsonl");
    const prompts = { rows: 5000, chars: 1200 };
    await writePrompts(path, prompts.rows, prompts.chars);
    const module = createDatasetModule({ keptDatasets: 1, limits: { root, maxFileBytes: 1 << 30 } });
    const server = createRpcServer({
      services: [...module.implementations],
      listen: {},
      auth: { insecure: true },
      log: silentLogger,
    });
    const { address } = await server.start();
    harness.onClose(() => server.stop(0));
    const channel = createChannel({ address });
    harness.onClose(() => channel.close());
    let datasetId = "";
    const dataset = { source: { case: "file", value: { path } } } as const;
    for await (const message of createClient(DatasetService, channel).prepareDataset({ dataset, randomSeed: 1n })) {
      datasetId = message.dataset?.datasetId ?? "";
    }
    const outcome = await fetchAndCheck({ address, datasetId, ...prompts, turns: 1_000_000, streams: 4 });
    expect(outcome).to.deep.include({ wrong: 0, checked: 1_000_000 });
  }).timeout(600_000);
});

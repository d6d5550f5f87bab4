/** `assay dataset list` and `assay dataset delete`: what the dataset service keeps for later runs. */
import type { StoredDataset } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService, type ListDatasetsResponse } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { tableLines } from "../../../report/table.ts";
import { harmless, whole } from "../../../report/text.ts";
import { messageOf } from "../../../services/common/errors.ts";
import type { Client } from "../../../services/common/rpc/client.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import { wallTimeOf } from "../runs/run-view.ts";
import { withSuite } from "../runs/session.ts";
import type { SuiteClient } from "../suite-client.ts";
import type { Terminal } from "../terminal.ts";
import { placesOf } from "./places.ts";
import type { datasetDeleteFlags, datasetListFlags } from "./stored-flags.ts";

const services = ["controller,dataset"];
const callTimeoutMs = 10_000;

export async function datasetList(asked: Asked<typeof datasetListFlags>): Promise<number> {
  const { options, terminal } = asked;
  const list = async (service: Client<typeof DatasetService>): Promise<number> => {
    const listed = await service.listDatasets({}, { timeoutMs: callTimeoutMs });
    if (options.json) terminal.out(`${JSON.stringify(listed.datasets.map(jsonOf), null, 2)}\n`);
    else if (listed.folder === "") terminal.err("the dataset service keeps nothing (--dataset-cache-dir is empty)\n");
    else if (listed.datasets.length === 0) terminal.err(`${listed.folder} holds no dataset yet\n`);
    else show(listed, terminal);
    return exitCodes.ok;
  };
  return withSuite(asked, ({ client }) => withDatasets(client, list), {
    services,
    datasets: placesOf(options, terminal.cwd),
  });
}

/** Removes what can be removed; one that cannot is told and makes the exit code 1, unless all were meant and it is in use. */
export async function datasetDelete(asked: Asked<typeof datasetDeleteFlags>): Promise<number> {
  const { options, operands, name, terminal } = asked;
  if (options.all === true ? operands.length > 0 : operands.length === 0) {
    terminal.err(`${name}: expected ids of datasets, or --all instead\n`);
    return exitCodes.usage;
  }
  const remove = async (service: Client<typeof DatasetService>): Promise<number> => {
    const ids = options.all === true ? await idleIds(service) : operands;
    let code: number = exitCodes.ok;
    for (const datasetId of ids) {
      try {
        await service.deleteDataset({ datasetId }, { timeoutMs: callTimeoutMs });
        if (!options.quiet) terminal.out(`deleted ${datasetId}\n`);
      } catch (error) {
        terminal.err(`${name}: ${datasetId}: ${messageOf(error)}\n`);
        code = exitCodes.failed;
      }
    }
    return code;
  };
  return withSuite(asked, ({ client }) => withDatasets(client, remove), {
    services,
    datasets: placesOf(options, terminal.cwd),
  });
}

async function withDatasets(
  client: SuiteClient,
  use: (service: Client<typeof DatasetService>) => Promise<number>,
): Promise<number> {
  return use(await client.serviceOf(DatasetService));
}

async function idleIds(service: Client<typeof DatasetService>): Promise<string[]> {
  const { datasets } = await service.listDatasets({}, { timeoutMs: callTimeoutMs });
  return datasets.filter(({ isInUse }) => !isInUse).map(({ datasetId }) => datasetId);
}

function jsonOf({ datasetId, description, format, sizeBytes, conversations, turns, lastUseTime, isInUse }: StoredDataset) {
  return {
    dataset_id: datasetId,
    description,
    format,
    size_bytes: Number(sizeBytes),
    conversations: Number(conversations),
    turns: Number(turns),
    last_use_time: wallTimeOf(lastUseTime),
    is_in_use: isInUse,
  };
}

function show({ datasets, sizeBytes, maxBytes, folder }: ListDatasetsResponse, { width, hasColour, out }: Terminal): void {
  const paint = createPaint(hasColour);
  const table = {
    title: "Datasets",
    columns: [
      { header: "Dataset", align: "left" },
      { header: "Size", align: "right" },
      { header: "Conversations", align: "right", dropRank: 1 },
      { header: "Turns", align: "right", dropRank: 2 },
      { header: "Last used", align: "left", dropRank: 0 },
      { header: "Of", align: "left", minWidth: 12, dropRank: 3 },
    ],
    rows: datasets.map((dataset) => [
      dataset.datasetId,
      mebibytes(dataset.sizeBytes),
      dataset.conversations === 0n ? "" : whole(dataset.conversations),
      dataset.turns === 0n ? "" : whole(dataset.turns),
      `${wallTimeOf(dataset.lastUseTime) ?? ""}${dataset.isInUse ? ", in use" : ""}`,
      harmless(dataset.description),
    ]),
  } as const;
  for (const line of tableLines(table, Math.max(80, width), { title: paint.bold, header: paint.bold, cell: (text) => text }))
    out(`${line}\n`);
  out(`${mebibytes(sizeBytes)} of at most ${mebibytes(maxBytes)} in ${harmless(folder)}\n`);
}

function mebibytes(bytes: bigint): string {
  return `${(Number(bytes) / 2 ** 20).toFixed(1)} MiB`;
}

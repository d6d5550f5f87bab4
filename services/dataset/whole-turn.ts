/** A turn as a worker gets it, wherever it comes from. */
import { create, fromBinary } from "@bufbuild/protobuf";
import { type Turn, TurnSchema } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { type Dataset, lookUpTurn } from "./core/turns.ts";
import { wireTurn } from "./wire-turn.ts";

/** Undefined: there is none. Rejects with why its media cannot be made. */
export async function wholeTurn(dataset: Dataset, conversation: number, turn: number): Promise<Turn | undefined> {
  const place = { conversation: BigInt(conversation), turn };
  const found = lookUpTurn(dataset, conversation, turn);
  if ("missing" in found) return undefined;
  if (dataset.later === undefined) return create(TurnSchema, wireTurn(found.turn, place));
  const { bytes, amendments } = await dataset.later(conversation, turn);
  return Object.assign(fromBinary(TurnSchema, Buffer.concat([bytes, amendments])), place);
}

/** `CheckTurns`: whether requests can be made of all turns, in slices, so that the event loop goes on. */
import { setImmediate as nextRound } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { type ModelTensors, shownTensors, tensorsOfModel } from "../../endpoints/kserve/model-tensors.ts";
import { expectationProblem } from "../../endpoints/kserve/tensor-expectation.ts";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import type { CheckTurnsRequest, CheckTurnsResponseSchema } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../common/errors.ts";
import { readModelTensors } from "../common/model-tensors-wire.ts";
import { type BodyOptions, bodyOptionsOf, formatTurn } from "../common/turn-body.ts";
import { readTurnTensor } from "../common/turn-tensors.ts";
import type { Dataset } from "./core/turns.ts";
import { wholeTurn } from "./whole-turn.ts";

const sliceMs = 20;

export interface CheckContext {
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  /** Ends the work. */
  readonly signal: AbortSignal;
}

/** Throws as the proto says. */
export async function checkTurns(
  dataset: Dataset,
  { spec = create(RunSpecSchema) }: CheckTurnsRequest,
  { endpoints, signal }: CheckContext,
): Promise<MessageInitShape<typeof CheckTurnsResponseSchema>> {
  const bodies = bodyOptionsOf(spec, endpoints);
  const models = (spec.endpoint?.modelTensors ?? []).map(readModelTensors);
  let [turns, unsendable, problem] = [0n, 0n, ""];
  let sliceEnd = performance.now() + sliceMs;
  for (let conversation = 0; conversation < dataset.size; conversation++) {
    const { length } = dataset.plan(conversation);
    for (let index = 0; index < length; index++) {
      const turn = await wholeTurn(dataset, conversation, index);
      const wrong = turn && problemOf(turn, bodies, models);
      turns++;
      if (wrong !== undefined) {
        unsendable++;
        if (problem === "") problem = `stream ${conversation + 1}, step ${index + 1}: ${wrong}`;
      }
      if (performance.now() < sliceEnd) continue;
      await nextRound();
      signal.throwIfAborted();
      sliceEnd = performance.now() + sliceMs;
    }
  }
  return { turns, unsendable, problem };
}

/** Undefined: nothing is wrong with it. */
function problemOf(turn: Turn, bodies: BodyOptions, models: readonly ModelTensors[]): string | undefined {
  const name = turn.model === "" ? bodies.modelOf(Number(turn.conversation)) : turn.model;
  try {
    formatTurn(turn, [], undefined, bodies);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const model = models.find((one) => one.model === name);
    return model === undefined ? error.message : `${error.message}; model ${name} takes ${shownTensors(model.inputs)}`;
  }
  const expected = turn.expectation?.tensors ?? [];
  return expected.length === 0 ? undefined : expectationProblem(expected.map(readTurnTensor), tensorsOfModel(models, name));
}

/** Which of a run's models a conversation asks for. Pure: the same conversation of the same run always gets the same one. */
import { ModelSelection } from "../../gen/assay/common/v1/run_spec_pb.js";
import { randomStream } from "./random.ts";

export interface ModelChoiceOptions {
  readonly models: readonly string[];
  readonly selection: ModelSelection;
  /** Of the weighted selection: one for each model, at least one above 0. */
  readonly weights: readonly number[];
  readonly seed: number;
}

/** The model of a conversation, from 0; empty where the run names none. */
export type ModelChoice = (conversation: number) => string;

export function createModelChoice({ models, selection, weights, seed }: ModelChoiceOptions): ModelChoice {
  if (models.length <= 1) return () => models[0] ?? "";
  const draw = (conversation: number): number => randomStream(seed, "models", conversation).next();
  switch (selection) {
    case ModelSelection.RANDOM:
      return (conversation) => models[Math.floor(draw(conversation) * models.length)] as string;
    case ModelSelection.WEIGHTED:
      return (conversation) => models[weightAt(weights, draw(conversation))] as string;
    case ModelSelection.ROUND_ROBIN:
    case ModelSelection.UNSPECIFIED:
      return (conversation) => models[conversation % models.length] as string;
  }
}

/** Index of the weight that covers this share of the sum, from 0 to below 1. */
function weightAt(weights: readonly number[], share: number): number {
  let left = share * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    if (left < weight) return index;
    left -= weight;
  }
  // Rounding may leave a rest: the last one that has a weight takes it.
  return weights.findLastIndex((weight) => weight > 0);
}

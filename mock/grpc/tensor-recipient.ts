/** Answers to inference requests: how one begins, and how one fails that is not begun. */
import type { AnswerHost, Arrival, Recipient } from "../answers/answer.ts";
import type { Failure } from "../answers/failures.ts";
import type { OpenAnswer } from "../http/connection.ts";
import type { ModelPlan } from "../models/model.ts";
import { injected } from "../text/refusal.ts";
import type { AnswerRequest } from "../text/request.ts";
import type { DeployedModel } from "./deployed-model.ts";
import type { InferCaller } from "./infer-caller.ts";
import type { FittingRequest } from "./inference-request.ts";
import type { ModelCounts } from "./statistics.ts";
import { codeOfHttpStatus } from "./status.ts";
import { TensorAnswer } from "./tensor-answer.ts";

export interface TensorRequest extends AnswerRequest {
  readonly deployed: DeployedModel;
  readonly plan: ModelPlan;
  readonly fitting: FittingRequest;
  readonly id: string;
}

export class TensorRecipient implements Recipient<TensorRequest> {
  readonly #caller: InferCaller;
  readonly #counts: ModelCounts;
  #isWaiting = false;

  constructor(caller: InferCaller, counts: ModelCounts) {
    this.#caller = caller;
    this.#counts = counts;
  }

  wait(waiting: OpenAnswer): void {
    this.#isWaiting = true;
    this.#counts.waits();
    this.#caller.open({
      flushed: () => waiting.flushed(),
      aborted: () => {
        this.#leaveQueue();
        waiting.aborted();
      },
    });
  }

  open(answer: OpenAnswer): void {
    this.#leaveQueue();
    this.#caller.open(answer);
  }

  start(host: AnswerHost, arrival: Arrival<TensorRequest>, nowNs: number): void {
    this.#leaveQueue();
    new TensorAnswer(host, arrival, this.#caller, nowNs).begin();
  }

  failAtOnce({ kind, status }: Failure): void {
    const { rpc } = this.#caller;
    if (kind === "status") this.#caller.fail({ code: codeOfHttpStatus(status), message: injected(status).message }, undefined);
    else if (kind === "reset") this.#caller.reset();
    else rpc.answerOtherwise();
  }

  cut(): void {
    this.#caller.reset();
  }

  #leaveQueue(): void {
    if (this.#isWaiting) this.#counts.waitedFor();
    this.#isWaiting = false;
  }
}

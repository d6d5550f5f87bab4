import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";

/** One run as its stream tells of it: asking again and again would be work of the controller's. */
export class StateWatch {
  readonly #runs: AsyncIterator<{ readonly run?: Run | undefined }>;
  #last: Run | undefined;

  constructor(stream: AsyncIterable<{ readonly run?: Run | undefined }>) {
    this.#runs = stream[Symbol.asyncIterator]();
  }

  /** The run, once its state is such. Rejects when it has failed. */
  async until(isIt: (state: RunState) => boolean): Promise<Run> {
    for (;;) {
      const run = this.#last;
      if (run?.state === RunState.FAILED) throw new Error(`run ${run.runId} failed: ${run.reason}`);
      if (run !== undefined && isIt(run.state)) return run;
      const next = await this.#runs.next();
      if (next.done === true) throw new Error("the run is not watched any more");
      this.#last = next.value.run ?? this.#last;
    }
  }
}

/** What is sampled beside a run, for its progress line: the GPUs' power and use, and the servers' queue. Pure. */
import type { Sample } from "../../gen/assay/records_manager/v1/record_pb.js";

export interface LiveLoad {
  // Undefined: nothing says it.
  /** Of all GPUs together, in W. */
  readonly powerW?: number | undefined;
  /** Mean use of the GPUs, 0 to 100. */
  readonly gpuPercent?: number | undefined;
  /** Requests that wait at the servers. */
  readonly waiting?: number | undefined;
}

const powerFields: ReadonlySet<string> = new Set(["nvidia_power_usage", "amd_power"]);
const useFields: ReadonlySet<string> = new Set(["nvidia_gpu_utilization", "amd_gfx_activity"]);
/** As servers call it: vLLM and TensorRT-LLM, SGLang, TGI, llama.cpp, Dynamo, Triton. */
const queueFields =
  /(^|[:_])(num_requests_waiting|num_queue_reqs|queue_size|requests_deferred|queued_requests|pending_request_count)$/;

/** The last value of each series that counts; one that is not sampled any more is forgotten with its source's next scrape. */
export class LiveSamples {
  readonly #bySource = new Map<string, readonly Sample[]>();

  /** Takes the samples of one scrape. */
  take(samples: readonly Sample[]): void {
    for (const [source, own] of Map.groupBy(samples, ({ kind, source: name }) => `${kind} ${name}`)) {
      this.#bySource.set(source, own.filter(counts));
    }
  }

  load(): LiveLoad {
    const all = [...this.#bySource.values()].flat();
    const valuesOf = (is: (sample: Sample) => boolean): number[] => all.filter(is).map(({ value }) => value);
    const power = valuesOf(({ field }) => powerFields.has(field));
    const use = valuesOf(({ field }) => useFields.has(field));
    const waiting = valuesOf(isQueue);
    return {
      powerW: power.length === 0 ? undefined : sum(power),
      gpuPercent: use.length === 0 ? undefined : sum(use) / use.length,
      waiting: waiting.length === 0 ? undefined : sum(waiting),
    };
  }
}

function counts(sample: Sample): boolean {
  return powerFields.has(sample.field) || useFields.has(sample.field) || isQueue(sample);
}

function isQueue({ kind, field }: Sample): boolean {
  return kind === "server" && queueFields.test(field);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

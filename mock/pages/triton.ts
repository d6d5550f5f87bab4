/**
 * What is served over gRPC as Triton's `/metrics` shows it (port 8002 there), in the Prometheus text format 0.0.4: a line a model and version.
 * Names, labels and units are Triton's (`docs/user_guide/metrics.md`), whose counters have no `_total`. Pure.
 */
import { escaped } from "./label.ts";

/** Since start. Durations of requests that succeeded, in ns. */
export interface ServedTotals {
  readonly succeeded: number;
  /** The model, or a failure on purpose, ended them. */
  readonly failed: number;
  /** The client gave them up. */
  readonly cancelled: number;
  /** Rows of all batches. */
  readonly inferences: number;
  readonly executions: number;
  /** From a request's arrival to its end. */
  readonly requestNs: number;
  /** Until its turn had come. */
  readonly queueNs: number;
  readonly inferNs: number;
  /** Whose turn has not come yet: at this moment. */
  readonly waiting: number;
}

/** A model by its name. */
export interface DeployedCounts {
  readonly name: string;
  readonly counts: { totals(): ServedTotals };
}

interface Family {
  readonly name: string;
  /** Default: counter. */
  readonly type?: "counter" | "gauge";
  readonly help: string;
  /** Values by the label that tells them apart; the empty one has none. */
  readonly values: (totals: ServedTotals) => Readonly<Record<string, number>>;
}

const version = "1";

const families: readonly Family[] = [
  one("nv_inference_request_success", "Requests that succeeded, whatever their batch size.", ({ succeeded }) => succeeded),
  {
    name: "nv_inference_request_failure",
    help: "Requests that failed, by why.",
    values: ({ failed, cancelled }) => ({
      'reason="REJECTED"': 0,
      'reason="CANCELED"': cancelled,
      'reason="BACKEND"': failed,
      'reason="OTHER"': 0,
    }),
  },
  one("nv_inference_count", "Inferences: a batch of n is n.", ({ inferences }) => inferences),
  one("nv_inference_exec_count", "Executions of the model: a batch is one.", ({ executions }) => executions),
  one("nv_inference_request_duration_us", "Time of requests from arrival to end, in microseconds.", (t) => us(t.requestNs)),
  one("nv_inference_queue_duration_us", "Time that requests waited for their turn, in microseconds.", (t) => us(t.queueNs)),
  one("nv_inference_compute_input_duration_us", "Time spent on inputs, in microseconds; none here.", () => 0),
  one("nv_inference_compute_infer_duration_us", "Time in the model, in microseconds.", (t) => us(t.inferNs)),
  one("nv_inference_compute_output_duration_us", "Time spent on outputs, in microseconds; none here.", () => 0),
  { ...one("nv_inference_pending_request_count", "Requests that wait for their turn now.", (t) => t.waiting), type: "gauge" },
];

/** The page of these models; empty where there is none. */
export function tritonPage(models: readonly DeployedCounts[]): string {
  const served = models.map(({ name, counts }) => ({
    labels: `model="${escaped(name)}",version="${version}"`,
    totals: counts.totals(),
  }));
  if (served.length === 0) return "";
  return families.map((family) => familyText(family, served)).join("");
}

function familyText(
  { name, type = "counter", help, values }: Family,
  served: readonly { readonly labels: string; readonly totals: ServedTotals }[],
): string {
  const lines = served.flatMap(({ labels, totals }) =>
    Object.entries(values(totals)).map(([extra, value]) => `${name}{${labels}${extra === "" ? "" : `,${extra}`}} ${value}\n`),
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function one(name: string, help: string, value: (totals: ServedTotals) => number): Family {
  return { name, help, values: (totals) => ({ "": value(totals) }) };
}

function us(ns: number): number {
  return Math.round(ns / 1e3);
}

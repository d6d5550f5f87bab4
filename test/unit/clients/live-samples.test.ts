import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { LiveSamples } from "../../../clients/cli/live-samples.ts";
import { SampleSchema } from "../../../gen/assay/records_manager/v1/record_pb.js";

const sample = (init: MessageInitShape<typeof SampleSchema>) => create(SampleSchema, init);
const gpu = (subject: string, field: string, value: number, source = "a") =>
  sample({ kind: "dcgm", source, subject, field, value });

describe("what is sampled beside a run", () => {
  it("is the power of all GPUs together, and their mean use", () => {
    const live = new LiveSamples();
    live.take([
      gpu("1", "nvidia_power_usage", 100),
      gpu("2", "nvidia_power_usage", 300),
      gpu("1", "nvidia_gpu_utilization", 40),
      gpu("2", "nvidia_gpu_utilization", 60),
      gpu("1", "nvidia_temperature", 70),
    ]);
    live.take([gpu("3", "amd_power", 50, "b")]);
    expect(live.load()).to.deep.equal({ powerW: 450, gpuPercent: 50, waiting: undefined });
  });

  it("is the last that each source said, and of a GPU that is gone nothing", () => {
    const live = new LiveSamples();
    live.take([gpu("1", "nvidia_power_usage", 100), gpu("2", "nvidia_power_usage", 300)]);
    live.take([gpu("1", "nvidia_power_usage", 110)]);
    expect(live.load()).to.include({ powerW: 110 });
  });

  it("is the queue of all servers, whatever each calls it", () => {
    for (const field of [
      "vllm:num_requests_waiting",
      "sglang:num_queue_reqs",
      "trtllm_num_requests_waiting",
      "tgi_queue_size",
      "llamacpp:requests_deferred",
      "dynamo_frontend_queued_requests",
      "nv_inference_pending_request_count",
    ]) {
      const live = new LiveSamples();
      live.take([sample({ kind: "server", source: "a", field, value: 3 })]);
      live.take([sample({ kind: "server", source: "b", field, value: 4 })]);
      expect(live.load(), field).to.include({ waiting: 7 });
    }
  });

  it("is nothing of what says neither", () => {
    const live = new LiveSamples();
    live.take([
      sample({ kind: "host", field: "num_requests_waiting", value: 1 }),
      sample({ kind: "server", field: "x", value: 1 }),
    ]);
    expect(live.load()).to.deep.equal({ powerW: undefined, gpuPercent: undefined, waiting: undefined });
  });
});

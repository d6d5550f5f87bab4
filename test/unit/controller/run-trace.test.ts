import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { RunEventSchema, RunSchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { RunTrace } from "../../../services/controller/run-trace.ts";
import { FakeTracer } from "../../support/fake-tracer.ts";

const failed = create(RunSchema, { state: RunState.FAILED, reason: "no workers" });

describe("the spans of a run", () => {
  it("end with it, those of steps that are still being taken too, and each once", async () => {
    const tracer = new FakeTracer();
    const trace = new RunTrace(tracer, "run-1", create(RunSpecSchema, { phases: [{ name: "profiling" }] }));
    const gate = Promise.withResolvers<void>();
    const waiting = trace.step({ kind: "prepare", barrier: "workers" }, () => gate.promise);
    await trace.step({ kind: "start_phase", phase: 0 }, async () => {});
    trace.ended(failed);
    trace.ended(failed);
    const ends = () => tracer.spans.map((span) => [span.name, span.ends]);
    const once = [
      ["run", 1],
      ["prepare workers", 1],
      ["phase profiling", 1],
    ];
    expect(ends()).to.deep.equal(once);
    gate.resolve();
    await waiting;
    expect(ends()).to.deep.equal(once);
    expect(tracer.named("phase profiling")[0]!.error).to.deep.equal({
      code: "failed",
      message: "the run ended before the phase was closed",
    });
  });

  it("take nothing in after their end", () => {
    const tracer = new FakeTracer();
    const trace = new RunTrace(tracer, "run-1", create(RunSpecSchema));
    const event = create(RunEventSchema, { kind: "note", message: "late" });
    trace.event(event);
    trace.ended(failed);
    trace.event(event);
    expect(tracer.spans[0]!.events).to.deep.equal(["note"]);
  });
});

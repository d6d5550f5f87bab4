import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createSmiReader } from "../../../services/telemetry/core/sources/nvidia-smi.ts";
import { createSmiSource } from "../../../services/telemetry/sources/nvidia-smi.ts";
import { namedValues } from "../../unit/telemetry/core/sources/readings.ts";

const output = (name: string) => readFileSync(new URL(`../../fixtures/nvidia-smi/${name}.csv`, import.meta.url), "utf8");

describe("what nvidia-smi prints", () => {
  const valuesOf = (text: string) => {
    const reader = createSmiReader();
    return namedValues(reader, reader.read(text));
  };
  const of = (values: Readonly<Record<string, number>>, uuid: string) =>
    Object.fromEntries(
      Object.entries(values).flatMap(([key, value]) => (key.startsWith(uuid) ? [[key.slice(uuid.length + 1), value]] : [])),
    );

  it("gives each GPU its values, in our units, and says which it is", () => {
    const reader = createSmiReader();
    const values = namedValues(reader, reader.read(output("two-gpus")));
    expect(of(values, "GPU-4f3c2d1e-0a5b-4c6d-8e7f-001122334455")).to.deep.equal({
      nvidia_power_usage: 312.48,
      nvidia_power_limit: 700,
      nvidia_gpu_utilization: 97,
      nvidia_memory_utilization: 41,
      nvidia_encoder_utilization: 0,
      nvidia_decoder_utilization: 0,
      nvidia_jpg_utilization: 0,
      nvidia_memory_used: 71842 * 1.048576e-3,
      nvidia_memory_free: 9247 * 1.048576e-3,
      nvidia_memory_total: 81559 * 1.048576e-3,
      nvidia_memory_reserved: 470 * 1.048576e-3,
      nvidia_temperature: 58,
      nvidia_memory_temperature: 66,
      nvidia_sm_clock: 1980,
      nvidia_memory_clock: 2619,
    });
    expect(of(values, "GPU-4f3c2d1e-0a5b-4c6d-8e7f-66778899aabb").nvidia_power_usage).to.equal(69.91);
    expect(reader.series[0]).to.deep.include({
      kind: "nvidia-smi",
      type: "gauge",
      unit: "W",
      labels: { index: "0", model: "NVIDIA H100 80GB HBM3", pci_bus_id: "00000000:1B:00.0", driver_version: "550.54.15" },
    });
  });

  it("leaves out what a GPU does not have", () => {
    const values = valuesOf(output("workstation"));
    expect(of(values, "GPU-9a8b7c6d-1111-4222-8333-777788889999")).to.deep.equal({
      nvidia_memory_used: 105 * 1.048576e-3,
      nvidia_memory_free: 1879 * 1.048576e-3,
      nvidia_memory_total: 1984 * 1.048576e-3,
      nvidia_temperature: 42,
    });
    expect(of(values, "GPU-9a8b7c6d-1111-4222-8333-444455556666")).to.include({
      nvidia_gpu_utilization: 12,
      nvidia_power_usage: 26.73,
    });
  });

  it("has the board of a GPU that MIG divides", () => {
    const values = of(valuesOf(output("mig")), "GPU-5f3f0e57-9f3d-4b0f-8c3a-5a3c0c6f0a11");
    expect(values).to.include({ nvidia_power_usage: 181.25, nvidia_memory_clock: 1215 });
    expect(values).not.to.have.property("nvidia_gpu_utilization");
  });

  it("is refused or read as far as it goes, wherever it is cut", () => {
    const text = output("two-gpus");
    const whole = valuesOf(text);
    for (let end = 0; end < text.length; end++) {
      let values: Record<string, number>;
      try {
        values = valuesOf(text.slice(0, end));
      } catch (error) {
        expect(error).to.have.property("reason", "NVIDIA_SMI_SYNTAX");
        continue;
      }
      expect(text[end - 1]).to.equal("\n");
      expect(whole).to.include(values);
    }
  });
});

describe("nvidia-smi as a source", () => {
  const never = new AbortController().signal;
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-smi-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  /** A program that is called as nvidia-smi is. */
  const program = (...lines: readonly string[]): string => {
    const path = join(folder, "nvidia-smi");
    writeFileSync(path, ["#!/bin/sh", ...lines, ""].join("\n"));
    chmodSync(path, 0o755);
    return path;
  };
  const sourceOf = (command: string, deadlineMs = 20_000) => createSmiSource({ command, deadlineMs });
  const fixture = new URL("../../fixtures/nvidia-smi/workstation.csv", import.meta.url).pathname;

  it("asks the program for a table, again and again", async () => {
    const source = sourceOf(program(`echo "$@" >> ${folder}/asked`, `cat ${fixture}`));
    const answers = [await source.read(never), await source.read(never)];
    expect(answers.map((answer) => answer.kind === "reading" && answer.reading.isChanged)).to.deep.equal([true, false]);
    expect(source.series.map(({ subject }) => subject)).to.include("GPU-9a8b7c6d-1111-4222-8333-444455556666");
    const [asked = ""] = readFileSync(join(folder, "asked"), "utf8").split("\n");
    expect(asked).to.match(/^--query-gpu=uuid,index,name,.*power\.draw,.* --format=csv,nounits$/);
  });

  it("asks no more for what the driver does not know", async () => {
    const source = sourceOf(
      program(
        `echo "$1" >> ${folder}/asked`,
        `case "$1" in *utilization.jpeg*) echo 'Field "utilization.jpeg" is not a valid field to query.'; exit 2;; esac`,
        `cat ${fixture}`,
      ),
    );
    expect((await source.read(never)).kind).to.equal("reading");
    expect((await source.read(never)).kind).to.equal("reading");
    const asked = readFileSync(join(folder, "asked"), "utf8").trim().split("\n");
    expect(asked.map((line) => line.includes("utilization.jpeg"))).to.deep.equal([true, false, false]);
  });

  it("is absent where there is no such program", async () => {
    const command = join(folder, "none");
    expect(await sourceOf(command).read(never)).to.deep.equal({ kind: "absent", reason: `${command} is not there` });
  });

  it("says what the program says where it fails, and what it prints where nobody understands it", async () => {
    const command = program("echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'", "exit 9");
    expect(await sourceOf(command).read(never)).to.deep.include({ kind: "failed" });
    const answer = await sourceOf(command).read(never);
    expect(answer.kind !== "reading" && answer.reason).to.include("could not communicate");
    const other = await sourceOf(program("echo hello")).read(never);
    expect(other.kind !== "reading" && other.reason).to.include("expected a header with the column uuid");
  });

  it("is given up at its deadline", async () => {
    const command = program("exec sleep 600");
    const reason = `no answer of ${command} within 50 ms`;
    expect(await sourceOf(command, 50).read(never)).to.deep.equal({ kind: "failed", reason });
  });

  it("ends when it is cancelled", async () => {
    const cancel = new AbortController();
    const reading = sourceOf(program("exec sleep 600")).read(cancel.signal);
    cancel.abort();
    expect(await reading).to.deep.equal({ kind: "failed", reason: "cancelled" });
  });
});

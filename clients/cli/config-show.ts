/** `assay config show`: the effective RunSpec of a command line, as a file for `--config`. */
import { type DescMessage, type JsonValue, ScalarType, toJson } from "@bufbuild/protobuf";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../services/common/errors.ts";
import { newRunId } from "../../services/common/run-id.ts";
import type { Asked } from "./asked.ts";
import { complaintLine } from "./complaints.ts";
import { placesOf } from "./dataset/places.ts";
import { exitCodes } from "./exit-codes.ts";
import type { configShowFlags, runFlags } from "./flags.ts";
import { showPreparation, stepLineOn } from "./preparation.ts";
import { refuse } from "./refuse.ts";
import { withSuite } from "./runs/session.ts";
import { readSources, specOf } from "./spec/run-sources.ts";

/** What stands for the address of the built-in server, which is known only once it runs. */
const mockUrl = "http://127.0.0.1:1";

/** As people write it: `poisson`, not `ARRIVAL_PATTERN_POISSON`, and `100`, not `"100"`. */
function asWritten(json: JsonValue, schema: DescMessage): JsonValue {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return json;
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => {
      const field = schema.fields.find((candidate) => candidate.name === name);
      if (field?.fieldKind === "enum")
        return [
          name,
          String(value)
            .slice((field.enum.sharedPrefix ?? "").length)
            .toLowerCase(),
        ];
      const isSafe = typeof value === "string" && Number.isSafeInteger(Number(value));
      if (field?.fieldKind === "scalar" && field.scalar === ScalarType.UINT64 && isSafe) return [name, Number(value)];
      if (field?.fieldKind === "message") return [name, asWritten(value, field.message)];
      const isListOfMessages = field?.fieldKind === "list" && field.listKind === "message" && Array.isArray(value);
      return [name, isListOfMessages ? value.map((item) => asWritten(item, field.message)) : value];
    }),
  );
}

/** The controller alone knows the defaults: one is asked, and started for it where none was named. */
export async function configShow(asked: Asked<typeof configShowFlags>): Promise<number> {
  const { options, name, terminal } = asked;
  const sources = await readSources(asked as Asked<typeof runFlags>);
  if ("problems" in sources) return refuse(terminal, name, sources.problems);
  const { spec } = await specOf(sources, mockUrl);
  return withSuite(
    asked,
    async ({ client, signal }) => {
      const answered = new AbortController();
      const line = stepLineOn(terminal);
      const shownId = newRunId();
      const until = AbortSignal.any([signal, answered.signal]);
      void showPreparation(client.watchPreparation(shownId, until), line, until);
      try {
        const { effectiveSpec, warnings } = await client.validateRun(spec, shownId).finally(() => {
          answered.abort();
          line.clear();
        });
        for (const warning of warnings) terminal.err(`warning: ${warning}\n`);
        if (effectiveSpec === undefined) throw new AssayError("internal", "the controller gave no effective spec");
        // A seed that nobody named is drawn anew for each run.
        if (spec.random_seed === undefined) effectiveSpec.randomSeed = undefined;
        const json = asWritten(toJson(RunSpecSchema, effectiveSpec, { useProtoFieldName: true }), RunSpecSchema);
        const { stringify } = await import("yaml");
        terminal.out(options.json ? `${JSON.stringify(json, null, 2)}\n` : stringify(json));
        return exitCodes.ok;
      } catch (error) {
        if (!(error instanceof AssayError) || error.violations.length === 0) throw error;
        return refuse(terminal, name, [...new Set(error.violations.map((violation) => complaintLine(violation, sources)))]);
      }
    },
    // The dataset service looks at the files that the spec names.
    {
      services: ["controller,dataset"],
      endpointModule: sources.endpointModule,
      datasets: placesOf(options, terminal.cwd),
    },
  );
}

/**
 * `run_config.json`: what was run, by the keys that AIPerf writes of one run: `cfg` is the effective configuration under AIPerf's names,
 * as in the summary. What AIPerf has no name for is in `assay`. Secrets are masked.
 */
import type { JsonValue } from "@bufbuild/protobuf";
import type { Exporter } from "./exporter.ts";
import { inputConfig } from "./input-config.ts";
import { jsonText } from "./json-text.ts";

export const runConfig: Exporter = ({ reader, spec, folder, cliCommand }, write) => {
  const { runId, spec: stored, versions } = reader.run();
  const document = {
    benchmark_id: runId,
    cfg: inputConfig(spec, folder),
    trial: 0,
    artifact_dir: folder,
    label: spec.name === "" ? undefined : spec.name,
    random_seed: spec.randomSeed,
    cli_command: cliCommand === "" ? undefined : cliCommand,
    assay: { versions, spec: JSON.parse(stored) as Exclude<JsonValue, null> },
  };
  write(jsonText(document, 2));
};

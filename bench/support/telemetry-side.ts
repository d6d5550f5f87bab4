/**
 * A process that is telemetry and nothing else, for `bench/telemetry.ts`: scrapes exporters for one run and has counted what the records process has
 * committed. Arguments: the address of that process, the interval in ms, URLs.
 */
import { create } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import { DirectorySchema } from "../../gen/assay/controller/v1/controller_pb.js";
import { CommandSchema } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { silentLogger } from "../../services/common/logger.ts";
import { createAddresses } from "../../services/common/member/addresses.ts";
import { MeasuredSuiteClock } from "../../services/common/member/suite-clock.ts";
import { createTelemetryModule } from "../../services/telemetry/module.ts";
import { customList } from "./dcgm-pages.ts";
import { serveParent } from "./side.ts";

const [address = "", intervalMs, ...dcgmUrls] = process.argv.slice(2);
const clock = new MeasuredSuiteClock();
clock.share();
const addresses = createAddresses({ token: undefined });
addresses.update(create(DirectorySchema, { entries: [{ service: ServiceKind.RECORDS_MANAGER, address }] }));
const module = createTelemetryModule({
  id: () => "telemetry-1",
  log: silentLogger,
  clock,
  addresses,
  pageLimits: { deadlineMs: 2000, maxBytes: 16_777_216 },
});
const telemetry = { dcgmUrls, intervalMs: Number(intervalMs), gpuMetricsCsv: customList, disableServerMetrics: true };
const action = { case: "configure", value: { spec: create(RunSpecSchema, { telemetry }) } } as const;
await module.onCommand?.(create(CommandSchema, { runId: "run", action }), new AbortController().signal);
serveParent("", scrapesCommitted, () => addresses.close());

/** What is acked is committed. */
function scrapesCommitted(): number {
  const outcomes = module.families().find(({ name }) => name === "assay_telemetry_scrapes_total");
  const good = outcomes?.points.find(({ labels }) => labels.outcome === "samples")?.value;
  return (typeof good === "number" ? good : 0) - (module.counters?.().sample_queue ?? 0);
}

/** What a spec means in this suite: whether its services and load hosts can carry it out, and what its dataset decides. */
import { randomBytes } from "node:crypto";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetInfo } from "../../gen/assay/dataset/v1/dataset_pb.js";
import type { AllowedTargets } from "../common/allowed-targets.ts";
import { untakenMedia } from "../common/untaken-media.ts";
import { hostViolations, isChosen, sameNameWarnings } from "./core/load-hosts.ts";
import { loadLimits, type WorkerHost, workerHost } from "./core/load-limits.ts";
import { recordServiceViolations } from "./core/record-services.ts";
import { pacingWarning, workersFor } from "./core/run-plan.ts";
import { type CompiledSpec, compileRunSpec, specError } from "./core/run-spec.ts";
import { withDataset } from "./core/spec/dataset-choice.ts";
import type { Members } from "./members.ts";
import { checkTargets } from "./target-places.ts";

/** Who is asked. */
export interface SpecSuite {
  readonly members: Members;
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  /** Where runs may send to. Default: anywhere. */
  readonly allowed?: AllowedTargets | undefined;
}

/** The effective spec, as far as it is known without its dataset. Throws `invalid_argument` with all that is wrong with it, and as `checkTargets`. */
export function compileForSuite(spec: RunSpec, { members, endpoints, allowed }: SpecSuite): CompiledSpec {
  const drawSeed = (): bigint => BigInt(`0x${randomBytes(6).toString("hex")}`);
  const compiled = compileRunSpec(spec, drawSeed, endpoints);
  if (allowed !== undefined) checkTargets(compiled.spec, allowed);
  const tooFew = recordServiceViolations(compiled.spec, (service) => members.serving(service).length);
  if (tooFew.length > 0) throw specError(tooFew);
  const there = workerHosts(members);
  const choice = compiled.spec.workers ?? {};
  const misfits = hostViolations(choice, there);
  if (misfits.length > 0) throw specError(misfits);
  const hosts = there.filter((host) => isChosen(choice, host));
  if (hosts.length === 0) return compiled;
  const limits = loadLimits(compiled.spec, hosts, workersFor(compiled.spec, hosts));
  if (limits.violations.length > 0) throw specError(limits.violations);
  const pacing = pacingWarning(compiled.spec, hosts);
  return {
    ...compiled,
    warnings: [...compiled.warnings, ...sameNameWarnings(hosts), ...limits.warnings, ...(pacing === undefined ? [] : [pacing])],
  };
}

/** A compiled spec with what its dataset decides; undefined: it is not looked at before the run. Throws where the two do not fit. */
export function withDatasetInfo(
  { spec, warnings }: CompiledSpec,
  info: DatasetInfo | undefined,
  { members, endpoints }: SpecSuite,
): CompiledSpec {
  const made = withDataset(spec, info);
  const hosts = workerHosts(members).filter((host) => isChosen(made.spec.workers ?? {}, host));
  const isKnown = info !== undefined && hosts.length > 0;
  const limits = isKnown ? loadLimits(made.spec, hosts, workersFor(made.spec, hosts), info).warnings : [];
  const type = spec.endpoint?.type ?? "";
  const untaken = info === undefined ? [] : untakenMedia(info, type, endpoints);
  return { spec: made.spec, warnings: [...warnings, ...(info?.warnings ?? []), ...untaken, ...made.warnings, ...limits] };
}

/** By their names, as a run has them. */
function workerHosts(members: Members): WorkerHost[] {
  const hosts = members.serving(ServiceKind.WORKER_MANAGER).map(({ member }) => workerHost(member));
  return hosts.toSorted((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
}

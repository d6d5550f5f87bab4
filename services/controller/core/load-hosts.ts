/** Hosts that the load of a run comes from: which of those that joined, and how many workers each has. Pure. */
import type { WorkerSpec } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { FieldViolation } from "../../common/errors.ts";
import { didYouMean } from "../../common/nearest.ts";

/** A host on which workers are started, as it is chosen by. */
export interface NamedHost {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a run says of its hosts. */
export type HostChoice = Partial<Pick<WorkerSpec, "hosts" | "hostLabels">>;

/** Whether a run may use a host: it is named, where hosts are, and carries every label that is asked for. */
export function isChosen({ hosts = [], hostLabels = {} }: HostChoice, { name, labels }: NamedHost): boolean {
  const isNamed = hosts.length === 0 || hosts.includes(name);
  return isNamed && Object.entries(hostLabels).every(([key, value]) => labels[key] === value);
}

/** What is wrong with a choice where these hosts are there: each name that none of them has, and labels that leave none. */
export function hostViolations(choice: HostChoice, hosts: readonly NamedHost[]): FieldViolation[] {
  const { hosts: names = [], hostLabels = {} } = choice;
  const there = hosts.length === 0 ? "none has joined" : `there are ${hosts.map(hostText).join(", ")}`;
  const known = hosts.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  const violations = unknown.map((name) => ({
    field: "workers.hosts",
    description: `no load host is called ${name}${didYouMean(name, known)}: ${there}`,
  }));
  if (unknown.length > 0 || Object.keys(hostLabels).length === 0 || hosts.some((host) => isChosen(choice, host)))
    return violations;
  const which = names.length === 0 ? "no load host" : `none of ${names.join(", ")}`;
  return [{ field: "workers.host_labels", description: `${which} carries ${labelText(hostLabels)}: ${there}` }];
}

/** What to say of hosts that go by one name, whose figures would be one. */
export function sameNameWarnings(hosts: readonly Pick<NamedHost, "name">[]): string[] {
  return [...Map.groupBy(hosts, ({ name }) => name)].flatMap(([name, own]) =>
    own.length < 2
      ? []
      : [
          `${own.length} worker-managers are on hosts called ${name}, whose figures will be one: assay serve --host-name tells them apart`,
        ],
  );
}

function hostText({ name, labels }: NamedHost): string {
  return Object.keys(labels).length === 0 ? name : `${name} (${labelText(labels)})`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

/**
 * How many of `count` workers each host has, in the order of `hosts`: one each as far as they go, the others by cores (Sainte-Laguë: always to
 * the host that has fewest for its cores, among equals the first). The same hosts and count give the same shares.
 * @param perHost most for one host; what is above has no place. Default: no bound
 */
export function shareWorkers(
  count: number,
  hosts: readonly { readonly cores: number }[],
  perHost = Number.POSITIVE_INFINITY,
): number[] {
  const shares: number[] = hosts.map((_, place) => (place < count && perHost > 0 ? 1 : 0));
  for (let given = Math.min(count, hosts.length); given < count; given++) {
    let next: number | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [place, { cores }] of hosts.entries()) {
      const share = shares[place] ?? 0;
      const filled = (share + 0.5) / Math.max(1, cores);
      if (share >= perHost || filled >= least) continue;
      next = place;
      least = filled;
    }
    if (next === undefined) break;
    shares[next] = (shares[next] ?? 0) + 1;
  }
  return shares;
}

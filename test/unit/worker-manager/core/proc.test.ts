import { expect } from "chai";
import { hostValues, type ProcTexts, readCpu } from "../../../../services/worker-manager/core/proc.ts";

const stat = (all: string, ...cores: string[]) =>
  [`cpu  ${all}`, ...cores.map((core, at) => `cpu${at} ${core}`), "intr 1 2 3", "ctxt 5", ""].join("\n");

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 6310459977 1151157    0    0    0     0          0         0 6310459977 1151157    0    0    0     0       0          0
  ifb0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0:393187625   10281    1    2    0     0          0         0   714027    6728    3    4    0     0       0          0
`;
const meminfo = "MemTotal:        8000000 kB\nMemFree:  1000 kB\nMemAvailable:    2000000 kB\n";

function valuesOf(texts: ProcTexts, before?: string): Record<string, number> {
  const cpu = texts.stat === undefined ? undefined : readCpu(texts.stat);
  const values = hostValues(texts, cpu, before === undefined ? undefined : readCpu(before));
  return Object.fromEntries(values.map(({ name, labels, value }) => [[name, labels.device].filter(Boolean).join(" "), value]));
}

describe("a host's processors", () => {
  it("are used as far as they neither idled nor waited for disks, all together and the busiest one", () => {
    const before = stat("100 0 0 100 0 0 0 0 50 0", "50 0 0 50 0 0 0 0", "50 0 0 50 0 0 0 0");
    const now = stat("150 10 20 200 100 10 5 5 99 0", "60 0 0 140 0 0 0 0", "90 0 0 50 60 0 0 0");
    expect(valuesOf({ stat: now }, before)).to.deep.equal({
      host_cpu_utilization: 100 * (100 / 300),
      host_cpu_core_max_utilization: 40,
    });
  });

  it("say nothing at the first reading, while no time went by, nor each alone when one came or went", () => {
    const once = stat("100 0 0 100", "50 0 0 50", "50 0 0 50");
    expect(valuesOf({ stat: once })).to.deep.equal({});
    expect(valuesOf({ stat: once }, once)).to.deep.equal({});
    expect(valuesOf({ stat: stat("200 0 0 200", "100 0 0 100") }, once)).to.deep.equal({ host_cpu_utilization: 50 });
  });

  it("are never used less than not at all, when time that they waited is taken back", () => {
    expect(valuesOf({ stat: stat("90 0 0 130 0") }, stat("100 0 0 100 0")).host_cpu_utilization).to.equal(0);
  });

  it("are unknown of a text of another form", () => {
    for (const text of ["", "cpu", "cpu  a b c d", "intr 1 2 3"]) expect(readCpu(text), text).to.equal(undefined);
  });
});

describe("a host's memory, network and files", () => {
  it("are read from the kernel's texts, of devices that were used", () => {
    expect(valuesOf({ meminfo, netDev, fileNr: "1234\t34\t9000\n" })).to.deep.equal({
      host_memory_used_bytes: 6_000_000 * 1024,
      host_memory_total_bytes: 8_000_000 * 1024,
      "host_network_receive_bytes_total lo": 6310459977,
      "host_network_receive_packets_total lo": 1151157,
      "host_network_receive_drops_total lo": 0,
      "host_network_transmit_bytes_total lo": 6310459977,
      "host_network_transmit_packets_total lo": 1151157,
      "host_network_transmit_drops_total lo": 0,
      "host_network_receive_bytes_total eth0": 393187625,
      "host_network_receive_packets_total eth0": 10281,
      "host_network_receive_drops_total eth0": 2,
      "host_network_transmit_bytes_total eth0": 714027,
      "host_network_transmit_packets_total eth0": 6728,
      "host_network_transmit_drops_total eth0": 4,
      host_open_fds: 1200,
    });
  });

  it("are of 32 devices at most", () => {
    const lines = Array.from({ length: 40 }, (_, at) => ` veth${at}: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0`);
    expect(Object.keys(valuesOf({ netDev: lines.join("\n") }))).to.have.length(32 * 6);
  });

  it("are nothing where the texts are missing, cut or of another form", () => {
    expect(valuesOf({})).to.deep.equal({});
    expect(valuesOf({ meminfo: "MemTotal: 5 kB\n", netDev: "eth0: 1 2 3\n", fileNr: "12" })).to.deep.equal({});
    expect(valuesOf({ meminfo: "<html>", netDev: "<html>", fileNr: "<html>" })).to.deep.equal({});
  });
});

import { expect } from "chai";
import fc from "fast-check";
import {
  type HostChoice,
  hostViolations,
  isChosen,
  sameNameWarnings,
  shareWorkers,
} from "../../../services/controller/core/load-hosts.ts";

const hosts = [
  { name: "h1", labels: { zone: "a" } },
  { name: "h2", labels: { zone: "b", disk: "fast" } },
  { name: "load-3", labels: {} },
];

describe("the load hosts of a run", () => {
  describe("are chosen", () => {
    const rows: readonly [string, HostChoice, readonly string[]][] = [
      ["all, where nothing is said", {}, ["h1", "h2", "load-3"]],
      ["by name", { hosts: ["load-3", "h1"] }, ["h1", "load-3"]],
      ["by label", { hostLabels: { zone: "b" } }, ["h2"]],
      ["by all labels that are asked for", { hostLabels: { zone: "a", disk: "fast" } }, []],
      ["by name and label together", { hosts: ["h1", "h2"], hostLabels: { zone: "a" } }, ["h1"]],
    ];
    for (const [how, choice, names] of rows) {
      it(how, () => {
        expect(hosts.filter((host) => isChosen(choice, host)).map(({ name }) => name)).to.deep.equal(names);
      });
    }
  });

  describe("are refused", () => {
    const there = "there are h1 (zone=a), h2 (zone=b,disk=fast), load-3";
    const rows: readonly [string, HostChoice, readonly (readonly [string, string])[]][] = [
      ["not, where some are meant", { hosts: ["h1"], hostLabels: { zone: "a" } }, []],
      [
        "each by the name that none has",
        { hosts: ["h1", "laod-3", "x"] },
        [
          ["workers.hosts", `no load host is called laod-3, did you mean load-3?: ${there}`],
          ["workers.hosts", `no load host is called x: ${there}`],
        ],
      ],
      [
        "by labels that none carries",
        { hostLabels: { zone: "c" } },
        [["workers.host_labels", `no load host carries zone=c: ${there}`]],
      ],
      [
        "by labels that none of those named carries",
        { hosts: ["h1", "load-3"], hostLabels: { disk: "fast" } },
        [["workers.host_labels", `none of h1, load-3 carries disk=fast: ${there}`]],
      ],
    ];
    for (const [how, choice, violations] of rows) {
      it(how, () => {
        expect(hostViolations(choice, hosts).map(({ field, description }) => [field, description])).to.deep.equal(violations);
      });
    }

    it("where none has joined", () => {
      expect(hostViolations({ hosts: ["h1"] }, []).map(({ description }) => description)).to.deep.equal([
        "no load host is called h1: none has joined",
      ]);
      expect(hostViolations({}, [])).to.deep.equal([]);
    });
  });

  it("are said to be one where they go by one name", () => {
    expect(sameNameWarnings(hosts)).to.deep.equal([]);
    expect(sameNameWarnings([...hosts, { name: "h1" }])).to.deep.equal([
      "2 worker-managers are on hosts called h1, whose figures will be one: assay serve --host-name tells them apart",
    ]);
  });

  describe("share workers", () => {
    const rows: readonly [number, readonly number[], readonly number[]][] = [
      [4, [8, 8], [2, 2]],
      [5, [8, 8], [3, 2]],
      [12, [2, 4, 6], [2, 4, 6]],
      [3, [1, 64, 64], [1, 1, 1]],
      [9, [2, 16], [1, 8]],
      [2, [4, 4, 4], [1, 1, 0]],
      [0, [4], [0]],
      [4, [], []],
      [3, [0, 0], [2, 1]],
    ];
    for (const [count, cores, shares] of rows) {
      it(`${count} among hosts of ${cores.join(", ") || "no"} cores: ${shares.join(", ") || "none"}`, () => {
        expect(
          shareWorkers(
            count,
            cores.map((each) => ({ cores: each })),
          ),
        ).to.deep.equal(shares);
      });
    }

    it("no more than a host may have, and leave out what has no place", () => {
      expect(shareWorkers(6, [{ cores: 16 }, { cores: 2 }], 3)).to.deep.equal([3, 3]);
      expect(shareWorkers(9, [{ cores: 16 }, { cores: 2 }], 3)).to.deep.equal([3, 3]);
    });

    it("all of them, to each host one or its part by cores, less than two off", () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 300 }),
          fc.array(fc.integer({ min: 1, max: 128 }), { minLength: 1, maxLength: 20 }),
          (count, cores) => {
            const shares = shareWorkers(
              count,
              cores.map((each) => ({ cores: each })),
            );
            const total = cores.reduce((sum, each) => sum + each, 0);
            expect(shares.reduce((sum, share) => sum + share, 0)).to.equal(count);
            if (count >= cores.length) expect(Math.min(...shares)).to.be.at.least(1);
            // Those that have one although their part is less take it from the others.
            const taken = cores.reduce((sum, each) => sum + Math.max(0, 1 - (count * each) / total), 0);
            for (const [place, share] of shares.entries()) {
              const part = (count * (cores[place] ?? 0)) / total;
              expect(share).to.be.within(Math.floor(part) - 2 - taken, Math.ceil(part) + 2);
            }
          },
        ),
      );
    });
  });
});

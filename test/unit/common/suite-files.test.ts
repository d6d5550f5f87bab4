import { expect } from "chai";
import { type ProcessIdentity, stateOfProcess } from "../../../services/common/suite-files.ts";

const here: ProcessIdentity = { host: "here", bootId: "boot", pidNamespace: "pid:[1]", pid: 9, startTicks: "900" };
const listed: ProcessIdentity = { ...here, pid: 7, startTicks: "700" };

describe("the process of a suite's file", () => {
  for (const [title, entry, now, state] of [
    ["is alive while it has its id", listed, listed, "alive"],
    ["is gone when nobody has its id", listed, undefined, "gone"],
    ["is gone when its id is another one's, started later", listed, { ...listed, startTicks: "800" }, "gone"],
    ["is gone when the host was started anew since", { ...listed, bootId: "boot before" }, listed, "gone"],
    ["is none of ours on another host, whatever has its id here", { ...listed, host: "there" }, undefined, "elsewhere"],
    ["is none of ours in another container of this host", { ...listed, pidNamespace: "pid:[2]" }, undefined, "elsewhere"],
  ] as const) {
    it(title, () => {
      expect(stateOfProcess(entry, here, now)).to.equal(state);
    });
  }
});

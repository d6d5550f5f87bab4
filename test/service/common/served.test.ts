/** How tests wait for processes of `assay serve`. */
import { expect } from "chai";
import { ServeFolder } from "../../support/served.ts";
import { failureOf } from "../rpc/harness.ts";

describe("a test that waits for a process of assay serve", () => {
  it("waits no longer when the process is killed", async () => {
    const place = new ServeFolder();
    const starting = failureOf(place.start("--services=controller"));
    await place.close();
    expect((await starting).message).to.match(/^assay serve --services=controller: /);
  });
});

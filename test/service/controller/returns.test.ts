import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { Returns } from "../../../services/controller/returns.ts";

describe("what nobody does any more", () => {
  const returnMs = 20;
  /** Longer than the wait, and than a timer may be late for it. */
  const afterwards = () => delay(5 * returnMs);
  let given: string[];
  let returns: Returns;

  beforeEach(() => {
    given = [];
    returns = new Returns(returnMs);
  });
  afterEach(() => returns.close());

  it("is given up once where nobody comes, whoever else is lost meanwhile", async () => {
    returns.wait(
      "shard 0",
      () => false,
      () => given.push("first"),
    );
    returns.wait(
      "shard 0",
      () => false,
      () => given.push("second"),
    );
    returns.wait(
      "shard 1",
      () => false,
      () => given.push("other"),
    );
    await afterwards();
    expect(given).to.deep.equal(["first", "other"]);
  });

  it("is not given up where somebody comes, or does it still", async () => {
    let isBack = false;
    returns.wait(
      "shard 0",
      () => isBack,
      () => given.push("left"),
    );
    isBack = true;
    returns.wait(
      "shard 1",
      () => true,
      () => given.push("there"),
    );
    await afterwards();
    expect(given).to.deep.equal([]);
  });

  it("is waited for anew when somebody is lost again", async () => {
    returns.wait(
      "shard 0",
      () => false,
      () => given.push("once"),
    );
    await afterwards();
    returns.wait(
      "shard 0",
      () => false,
      () => given.push("again"),
    );
    await afterwards();
    expect(given).to.deep.equal(["once", "again"]);
  });

  it("is left alone once the run is over", async () => {
    returns.wait(
      "shard 0",
      () => false,
      () => given.push("late"),
    );
    returns.close();
    await afterwards();
    expect(given).to.deep.equal([]);
  });
});

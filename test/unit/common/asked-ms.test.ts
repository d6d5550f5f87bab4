import { expect } from "chai";
import { askedMs, longestTimerMs } from "../../../services/common/asked-ms.ts";

describe("a time that a caller asks for", () => {
  const rows = [
    { asked: 0, is: 1000 },
    { asked: 1, is: 50 },
    { asked: 200, is: 200 },
    { asked: 2 ** 32 - 1, is: longestTimerMs },
  ];
  for (const { asked, is } of rows) {
    it(`is ${is} ms where ${asked} are asked for`, () => expect(askedMs(asked, 1000, 50)).to.equal(is));
  }
});

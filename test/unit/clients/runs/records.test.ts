import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { wantedFields } from "../../../../clients/cli/runs/record-view.ts";
import { tableRows } from "../../../../clients/cli/runs/records.ts";
import { MetricRecordSchema } from "../../../../gen/assay/records_manager/v1/record_pb.js";

/** A run of so many records, in messages of some. */
const runOf = (total: number) =>
  async function* (limit: number) {
    const record = (id: number) => create(MetricRecordSchema, { creditId: BigInt(id) });
    for (let begin = 0; begin < Math.min(limit, total); begin += 999) {
      const count = Math.min(999, limit - begin, total - begin);
      yield { tags: [], records: Array.from({ length: count }, (_, index) => record(begin + index)) };
    }
  };

describe("a table of records", () => {
  const rows: readonly (readonly [what: string, total: number, limit: number, shown: number, hasMore: boolean])[] = [
    ["has all of them up to 10 000", 10_000, Number.POSITIVE_INFINITY, 10_000, false],
    ["says that there are more", 10_001, Number.POSITIVE_INFINITY, 10_000, true],
    ["has as many as were asked for, and says nothing of others", 20, 7, 7, false],
    ["has no more than 10 000 where more are asked for", 20_000, 15_000, 10_000, false],
    ["may be empty", 0, Number.POSITIVE_INFINITY, 0, false],
  ];
  for (const [what, total, limit, shown, hasMore] of rows) {
    it(what, async () => {
      const table = await tableRows(runOf(total), limit, wantedFields(["credit"]));
      expect(table.rows).to.have.length(shown);
      expect(table.hasMore).to.equal(hasMore);
      expect(table.rows.map(([id]) => Number(id))).to.deep.equal(Array.from({ length: shown }, (_, id) => id));
    });
  }
});

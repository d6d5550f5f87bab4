// mocha's `spec` reporter, which also writes {passed, failed, pending} to the file ASSAY_TEST_COUNTS, for CI's closing line.
import { writeFileSync } from "node:fs";
import mocha from "mocha";

export default class CountingReporter extends mocha.reporters.Spec {
  /**
   * @param {import("mocha").Runner} runner
   * @param {import("mocha").MochaOptions} options
   */
  constructor(runner, options) {
    super(runner, options);
    const file = process.env.ASSAY_TEST_COUNTS;
    if (file === undefined) return;
    runner.once("end", () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, pending }));
    });
  }
}

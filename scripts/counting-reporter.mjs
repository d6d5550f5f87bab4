// mocha's `spec` reporter, which also writes {passed, failed, pending} to the file TEST_COUNTS_FILE, for CI's closing line.
import { writeFileSync } from "node:fs";
import mocha from "mocha";

export default class CountingReporter extends mocha.reporters.Spec {
  /**
   * @param {import("mocha").Runner} runner
   * @param {import("mocha").MochaOptions} options
   */
  constructor(runner, options) {
    super(runner, options);
    const file = process.env.TEST_COUNTS_FILE;
    if (file === undefined) return;
    runner.once("end", () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, pending }));
    });
  }
}

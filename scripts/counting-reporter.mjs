// mocha's `spec` reporter, which also writes {passed, failed, pending, failures} to the file TEST_COUNTS_FILE, for CI's closing lines.
// `failures` are lines: the whole title of a test and the first line of what it threw.
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
      const told = this.failures.map((test) => `${test.titlePath().join(" › ")}: ${`${test.err?.message}`.split("\n", 1)[0]}`);
      writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, pending, failures: told }));
    });
  }
}

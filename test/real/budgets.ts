/**
 * What the tests against each real server take of the time that they are meant to take. It is told after the last test, and written
 * to the file ASSAY_TEST_BUDGETS for CI; tests over their budget are not failed ones.
 */
import { appendFileSync } from "node:fs";

const budgetsSec = { "llama.cpp": 240, aimock: 90, Triton: 60, Prometheus: 60, MLServer: 60 } as const;

const usedMs = new Map<keyof typeof budgetsSec, number>();

/** Counts the tests of the suite that calls this, and what its hooks do after this call, as use of a server. */
export function useBudget(server: keyof typeof budgetsSec): void {
  let startedMs = 0;
  before(() => {
    startedMs = performance.now();
  });
  after(() => {
    usedMs.set(server, (usedMs.get(server) ?? 0) + performance.now() - startedMs);
  });
}

// Of no suite: it comes after all of them.
after(() => {
  const lines = [...usedMs].map(([server, ms]) => `${server}: ${(ms / 1000).toFixed(1)} s of ${budgetsSec[server]} s`);
  if (lines.length === 0) return;
  const text = `  time against each real server, of its budget\n${lines.map((line) => `    ${line}\n`).join("")}`;
  process.stdout.write(`\n${text}`);
  const file = process.env.ASSAY_TEST_BUDGETS;
  if (file !== undefined) appendFileSync(file, text);
});

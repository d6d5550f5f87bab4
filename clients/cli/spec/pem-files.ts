/** Options that name a PEM file of TLS with the target, its proxy or pages of metrics: the RunSpec has what is in it. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "../../../services/common/errors.ts";
import { connectionFlags } from "../flags/connection.ts";
import { workersFlags } from "../flags/workers.ts";

const flags = { ...connectionFlags, ...workersFlags };
const names = ["targetCa", "targetCert", "targetKey", "proxyCa", "telemetryCa"] as const;

/** By name of the option. */
export type Pems = { readonly [name in (typeof names)[number]]?: string };

/** What the files hold that the options name, paths relative to `cwd`; or one line for each that cannot be read. */
export async function readPems(options: Pems, cwd: string): Promise<Pems | { readonly problems: readonly string[] }> {
  const problems: string[] = [];
  const pems: { -readonly [name in keyof Pems]: string } = {};
  for (const name of names) {
    const path = options[name];
    if (path === undefined) continue;
    try {
      pems[name] = await readFile(resolve(cwd, path), "utf8");
    } catch (error) {
      problems.push(`${flags[name].flag} ${path}: cannot be read: ${messageOf(error)}`);
    }
  }
  return problems.length > 0 ? { problems } : pems;
}

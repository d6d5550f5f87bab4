// How packages get into the bundles.
import { join, relative } from "node:path";
import { build } from "esbuild";
import { rootFolder } from "../setup.mjs";
import { commonJs } from "./common.mjs";

/** What most processes never load, or not before their first line of log: files of their own, so that no start reads them. */
const loadedLater = ["@grpc/proto-loader", "@huggingface/tokenizers", "convict", "hdr-histogram-js", "winston", "yaml"];

/** Modules of the program with packages that only those load who ask for them, by file name: files of their own, for all bundles the same. */
const askedFor = {
  "compiled-checks": "services/common/checks/compiled-checks.ts",
  "metrics-page": "services/common/observe/page.ts",
  otel: "services/common/observe/otel/start.ts",
  "otel-grpc": "services/common/observe/otel/grpc-exporters.ts",
};

/** @param {string} name */
const fileOf = (name) => `packages/${name.replace("/", "-")}`;

/** @type {import("esbuild").Plugin} */
const filesOfTheirOwn = {
  name: "files-of-their-own",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\// }, ({ path, resolveDir, kind }) => {
      if (kind !== "dynamic-import") return undefined;
      const file = relative(rootFolder, join(resolveDir, path)).replaceAll("\\", "/");
      const [name] = Object.entries(askedFor).find(([, module]) => module === file) ?? [];
      return name === undefined ? undefined : { path: `./${name}.cjs`, external: true };
    });
    onResolve({ filter: /^[@a-z]/ }, ({ path }) =>
      loadedLater.includes(path) ? { path: `./${fileOf(path)}.cjs`, external: true } : undefined,
    );
  },
};

/**
 * undici's entry loads its fetch, WebSocket, caches and mocks as well: 380 KiB and 10 ms that nothing here uses. What is imported and is
 * not in this list ends the build.
 */
const undiciInParts = `
  import api from "./api/index.js";
  import Dispatcher from "./dispatcher/dispatcher.js";
  export { default as Agent } from "./dispatcher/agent.js";
  export { default as Client } from "./dispatcher/client.js";
  export { default as buildConnector } from "./core/connect.js";
  Object.assign(Dispatcher.prototype, api);`;

/** @type {import("esbuild").Plugin} */
const partsOfUndici = {
  name: "parts-of-undici",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: "undici", namespace: "parts" }));
    onLoad({ filter: /./, namespace: "parts" }, () => ({
      resolveDir: join(rootFolder, "node_modules/undici/lib"),
      contents: undiciInParts,
    }));
  },
};

/** For every bundle. */
export const packagePlugins = [filesOfTheirOwn, partsOfUndici];

/**
 * Builds the files of their own.
 * @param {Record<string, string>} define text put in the place of names
 */
export function buildPackages(define) {
  const settings = { ...commonJs, define: { ...commonJs.define, ...define } };
  return Promise.all([
    build({ ...settings, entryPoints: Object.fromEntries(loadedLater.map((name) => [fileOf(name), name])) }),
    // OpenTelemetry's ES modules ask for gRPC by a require that a bundler does not see; their CommonJS ones do not.
    build({ ...settings, entryPoints: askedFor, plugins: packagePlugins, conditions: ["require"] }),
  ]);
}

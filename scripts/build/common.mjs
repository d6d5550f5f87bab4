// What all bundles are built with.
import { join } from "node:path";
import { rootFolder } from "../setup.mjs";

/**
 * Dependencies of the published package: better-sqlite3 loads its binary from its own folder, the vocabularies of gpt-tokenizer are
 * large files of their own already. docker/Dockerfile copies both.
 */
export const external = ["better-sqlite3", "gpt-tokenizer", "gpt-tokenizer/*"];

/** Where the build goes. */
export const distFolder = join(rootFolder, "dist");

/** @type {import("esbuild").BuildOptions & { metafile: true }} */
export const common = {
  absWorkingDir: rootFolder,
  outdir: distFolder,
  bundle: true,
  platform: "node",
  target: "node22.19",
  external,
  // Every byte is read at each start; names stay, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 200,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  logOverride: { "import-is-undefined": "error" },
};

/**
 * CommonJS: a process starts 10 to 15 ms sooner than from an ES module, whatever the number of files.
 * @type {import("esbuild").BuildOptions & { metafile: true }}
 */
export const commonJs = {
  ...common,
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  define: { "import.meta.url": "__fileUrl" },
  banner: { js: 'const __fileUrl = require("node:url").pathToFileURL(__filename).href, __import = (url) => import(url);' },
  // `require` gives every package the same names as under Node; `import()` of CommonJS does not.
  supported: { "dynamic-import": false },
};

/** The banner is not rewritten: its `import()` stays one, for files of users. @type {import("esbuild").Plugin} */
export const importOfFiles = {
  name: "import-of-files",
  setup({ onLoad }) {
    onLoad({ filter: /common\/import-file\.ts$/ }, () => ({ contents: "export const importFile = __import;" }));
  },
};

// Builds dist/: the program as JavaScript in few files, for the published package. Packages are bundled, since opening
// some hundred small files is what start-up time goes to; only those stay outside that look for files beside themselves.
import { chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { rootFolder } from "./setup.mjs";

/** better-sqlite3 loads its binary from its own folder; a token vocabulary is one large file already. docker/Dockerfile copies both. */
const external = ["better-sqlite3", "gpt-tokenizer", "gpt-tokenizer/*"];

const entry = `#!/usr/bin/env node
import { enableCompileCache } from "node:module";

enableCompileCache();
// After the line above, so that it holds for the program itself.
await import("./main.js");
`;

/**
 * Gives a package that is imported dynamically the same names as under Node. esbuild alone gives a CommonJS package in an ES
 * chunk nothing but `default`, and `const { createLogger } = await import("winston")` is undefined in the bundle only.
 * @type {import("esbuild").Plugin}
 */
const namesOfLazyPackages = {
  name: "names-of-lazy-packages",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      const isOutside = path.startsWith("node:") || external.some((name) => path === name || path.startsWith(`${name}/`));
      return kind === "dynamic-import" && !isOutside ? { path, namespace: "lazy" } : undefined;
    });
    onLoad({ filter: /./, namespace: "lazy" }, async ({ path }) => {
      const from = JSON.stringify(path);
      const names = Object.keys(await import(path)).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
      return { contents: `export { ${names.join(", ")} } from ${from};`, resolveDir: rootFolder };
    });
  },
};

const folder = join(rootFolder, "dist");
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const { metafile } = await build({
  absWorkingDir: rootFolder,
  // A thread's program lies beside whoever starts it, and that is a chunk.
  entryPoints: {
    main: "services/main.ts",
    "chunks/query-thread": "services/records-manager/query-thread.ts",
    "chunks/dataset-thread": "services/dataset/thread/dataset-thread.ts",
  },
  outdir: folder,
  bundle: true,
  // What a process does not use is not loaded: each dynamic import begins a file of its own.
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  format: "esm",
  platform: "node",
  target: "node22.19",
  external,
  plugins: [namesOfLazyPackages],
  minifySyntax: true,
  // CommonJS packages inside the bundle ask for Node's modules by require.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);',
  },
  metafile: true,
  logLevel: "warning",
});
// Read at run time, from beside the chunk that reads them.
for (const file of ["prose.txt", "prose.o200k.bin"])
  await copyFile(join(rootFolder, "services/dataset/corpus", file), join(folder, "chunks", file));
await writeFile(join(folder, "assay.js"), entry);
await chmod(join(folder, "assay.js"), 0o755);

const sizes = Object.values(metafile.outputs).map(({ bytes }) => bytes);
const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
console.log(`dist: ${sizes.length + 1} files, ${(total / 1024).toFixed(0)} KiB`);

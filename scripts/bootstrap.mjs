// Entry of `npm start` and `npm test`: checks the Node that is there before anything of this repository is loaded, then
// hands over to commands.mjs. Only syntax that a ten-year-old Node parses may stand here, and no static import:
// that keeps the answer of an old Node one line instead of a stack trace.
var major = Number(process.versions.node.split(".")[0]);

if (major < 20) {
  console.error("assay needs Node 20 or newer to set itself up (it brings its own Node 24), this is " + process.version);
  process.exitCode = 1;
} else {
  import("./commands.mjs").then(function (commands) {
    return commands.main(process.argv.slice(2));
  });
}

/** To be preloaded (`node --import`): the process takes itself for another version of Assay, that in ASSAY_TEST_VERSION. */
import { registerHooks } from "node:module";

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith("/services/common/version.ts")) return loaded;
    const own = JSON.stringify(process.env.ASSAY_TEST_VERSION);
    const source = String(loaded.source).replace("stamp?.version ?? versionOfManifest()", own);
    return { ...loaded, source };
  },
});

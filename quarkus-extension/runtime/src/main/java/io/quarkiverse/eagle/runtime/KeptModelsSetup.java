package io.quarkiverse.eagle.runtime;

import io.quarkus.dev.spi.HotReplacementContext;
import io.quarkus.dev.spi.HotReplacementSetup;

/** Keeps models open from reload to reload while dev mode runs. Found by its service file, in dev mode only. */
public class KeptModelsSetup implements HotReplacementSetup {

    @Override
    public void setupHotDeployment(HotReplacementContext context) {
        KeptModels.begin();
    }

    @Override
    public void close() {
        KeptModels.end();
    }
}

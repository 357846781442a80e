package io.quarkiverse.eagle.deployment;

import io.quarkiverse.eagle.runtime.devui.EagleJsonRpcService;
import io.quarkus.deployment.IsLocalDevelopment;
import io.quarkus.deployment.annotations.BuildStep;
import io.quarkus.deployment.annotations.BuildSteps;
import io.quarkus.devui.spi.JsonRPCProvidersBuildItem;
import io.quarkus.devui.spi.page.CardPageBuildItem;
import io.quarkus.devui.spi.page.Page;

/** The card in the Dev UI, with a page of the models as they are. */
@BuildSteps(onlyIf = IsLocalDevelopment.class)
class EagleDevUIProcessor {

    @BuildStep
    CardPageBuildItem card(EagleModelsBuildItem models) {
        CardPageBuildItem card = new CardPageBuildItem();
        card.addPage(Page.webComponentPageBuilder().title("Models").icon("font-awesome-solid:feather")
                .componentLink("qwc-eagle-models.js").staticLabel(String.valueOf(models.names().size())));
        return card;
    }

    @BuildStep
    JsonRPCProvidersBuildItem answers() {
        return new JsonRPCProvidersBuildItem(EagleJsonRpcService.class);
    }
}

package io.quarkiverse.eagle.deployment;

import io.quarkiverse.eagle.runtime.devui.EagleJsonRpcService;
import io.quarkus.deployment.IsLocalDevelopment;
import io.quarkus.deployment.annotations.BuildStep;
import io.quarkus.deployment.annotations.BuildSteps;
import io.quarkus.devui.spi.JsonRPCProvidersBuildItem;
import io.quarkus.devui.spi.page.CardPageBuildItem;
import io.quarkus.devui.spi.page.Page;

/** The card in the Dev UI: the models as they are, draft trees while they are verified, and what steps cost. */
@BuildSteps(onlyIf = IsLocalDevelopment.class)
class EagleDevUIProcessor {

    @BuildStep
    CardPageBuildItem card(EagleModelsBuildItem models) {
        CardPageBuildItem card = new CardPageBuildItem();
        card.addPage(Page.webComponentPageBuilder().title("Models").icon("font-awesome-solid:feather")
                .componentLink("qwc-eagle-models.js").staticLabel(String.valueOf(models.names().size())));
        card.addPage(Page.webComponentPageBuilder().title("Draft trees").icon("font-awesome-solid:sitemap")
                .componentLink("qwc-eagle-trees.js"));
        card.addPage(Page.webComponentPageBuilder().title("Costs").icon("font-awesome-solid:chart-line")
                .componentLink("qwc-eagle-costs.js"));
        return card;
    }

    @BuildStep
    JsonRPCProvidersBuildItem answers() {
        return new JsonRPCProvidersBuildItem(EagleJsonRpcService.class);
    }
}

package io.quarkiverse.eagle.deployment;

import java.util.List;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Default;
import jakarta.inject.Singleton;

import org.eclipse.microprofile.config.ConfigProvider;
import org.jboss.logmanager.Level;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.draft.DrafterProvider;
import io.quarkiverse.eagle.runtime.Eagle;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.EagleRecorder;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkus.arc.deployment.AdditionalBeanBuildItem;
import io.quarkus.arc.deployment.BeanDiscoveryFinishedBuildItem;
import io.quarkus.arc.deployment.SyntheticBeanBuildItem;
import io.quarkus.arc.deployment.UnremovableBeanBuildItem;
import io.quarkus.arc.deployment.ValidationPhaseBuildItem.ValidationErrorBuildItem;
import io.quarkus.deployment.annotations.BuildProducer;
import io.quarkus.deployment.annotations.BuildStep;
import io.quarkus.deployment.annotations.ExecutionTime;
import io.quarkus.deployment.annotations.Record;
import io.quarkus.deployment.builditem.FeatureBuildItem;
import io.quarkus.deployment.builditem.LogCategoryBuildItem;
import io.quarkus.deployment.builditem.ShutdownContextBuildItem;
import io.quarkus.deployment.builditem.ShutdownListenerBuildItem;
import io.quarkus.deployment.pkg.steps.NativeOrNativeSourcesBuild;
import io.quarkus.runtime.RuntimeValue;
import io.quarkus.runtime.configuration.ConfigurationException;
import io.quarkus.tls.deployment.spi.TlsRegistryBuildItem;

/** Opens the application's models at start-up and makes them beans. */
class EagleProcessor {

    static final String FEATURE = "eagle";

    @BuildStep
    FeatureBuildItem feature() {
        return new FeatureBuildItem(FEATURE);
    }

    /** The tokenizer library tells at INFO where it found its native code. */
    @BuildStep
    LogCategoryBuildItem quietTokenizerLibrary() {
        return new LogCategoryBuildItem("ai.djl", Level.WARN);
    }

    @BuildStep
    AdditionalBeanBuildItem qualifier() {
        return new AdditionalBeanBuildItem(Eagle.class);
    }

    /** Looked up when models open; nobody injects them. */
    @BuildStep
    UnremovableBeanBuildItem ownDrafters() {
        return UnremovableBeanBuildItem.beanTypes(DrafterProvider.class);
    }

    @BuildStep
    EagleModelsBuildItem models(BeanDiscoveryFinishedBuildItem beans, List<RequestedEagleModelBuildItem> requested) {
        ModelNames names = new ModelNames();
        names.injected(beans.getInjectionPoints());
        names.configured(ConfigProvider.getConfig().getPropertyNames());
        names.requested(requested);
        return new EagleModelsBuildItem(names.found());
    }

    @BuildStep
    @Record(ExecutionTime.RUNTIME_INIT)
    void open(EagleModelsBuildItem models, EagleRecorder recorder, TlsRegistryBuildItem tls, ShutdownContextBuildItem shutdown,
            BuildProducer<SyntheticBeanBuildItem> beans, BuildProducer<ShutdownListenerBuildItem> listeners) {
        RuntimeValue<OpenModels> open = recorder.open(models.names(), tls.registry(), shutdown);
        listeners.produce(new ShutdownListenerBuildItem(recorder.shutdown(open)));
        beans.produce(SyntheticBeanBuildItem.configure(OpenModels.class).scope(Singleton.class).runtimeValue(open)
                .unremovable().setRuntimeInit().done());
        for (String name : models.names()) {
            beans.produce(bean(name).supplier(recorder.model(open, name)).done());
        }
    }

    private static SyntheticBeanBuildItem.ExtendedBeanConfigurator bean(String name) {
        SyntheticBeanBuildItem.ExtendedBeanConfigurator bean = SyntheticBeanBuildItem.configure(EagleModel.class)
                .scope(ApplicationScoped.class).unremovable().setRuntimeInit();
        return EagleConfig.DEFAULT_MODEL.equals(name) ? bean.addQualifier(Default.class)
                : bean.addQualifier().annotation(ModelNames.EAGLE).addValue("value", name).done();
    }

    @BuildStep(onlyIf = NativeOrNativeSourcesBuild.class)
    ValidationErrorBuildItem refuseNativeExecutable() {
        return new ValidationErrorBuildItem(new ConfigurationException("quarkus-eagle does not run in a native executable:"
                + " ONNX Runtime and the tokenizer are called through JNI and have not been prepared for it;"
                + " leave quarkus.native.enabled unset and run the application on a JVM"));
    }
}

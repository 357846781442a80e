package io.quarkiverse.eagle.deployment;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jboss.jandex.AnnotationInstance;
import org.jboss.jandex.DotName;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.runtime.Eagle;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkus.arc.processor.InjectionPointInfo;

/**
 * Finds out which models an application uses: those it injects, those whose bundle it configures, and those that other
 * extensions ask for. An application that names none is taken to want the default one.
 */
final class ModelNames {

    static final DotName EAGLE = DotName.createSimple(Eagle.class);

    private static final DotName MODEL = DotName.createSimple(EagleModel.class);

    /** The name is quoted, or a single segment. */
    private static final Pattern BUNDLE_PROPERTY = Pattern
            .compile("quarkus\\.eagle\\.(?:\"(?<quoted>[^\"]+)\"\\.|(?<plain>[^.\"]+)\\.)?bundle");

    private final Set<String> names = new TreeSet<>();

    void injected(Iterable<InjectionPointInfo> injectionPoints) {
        for (InjectionPointInfo injectionPoint : injectionPoints) {
            if (!injectionPoint.getRequiredType().name().equals(MODEL)) {
                continue;
            }
            AnnotationInstance eagle = injectionPoint.getRequiredQualifier(EAGLE);
            if (eagle != null) {
                names.add(eagle.value().asString());
            } else if (injectionPoint.hasDefaultedQualifier()) {
                names.add(EagleConfig.DEFAULT_MODEL);
            }
        }
    }

    void configured(Iterable<String> properties) {
        for (String property : properties) {
            Matcher bundle = BUNDLE_PROPERTY.matcher(property);
            if (bundle.matches()) {
                String quoted = bundle.group("quoted");
                String plain = bundle.group("plain");
                names.add(quoted != null ? quoted : plain != null ? plain : EagleConfig.DEFAULT_MODEL);
            }
        }
    }

    void requested(Iterable<RequestedEagleModelBuildItem> requests) {
        requests.forEach(request -> names.add(request.name()));
    }

    /** In order, the default model first. */
    List<String> found() {
        return names.isEmpty() ? List.of(EagleConfig.DEFAULT_MODEL) : new ArrayList<>(names);
    }
}

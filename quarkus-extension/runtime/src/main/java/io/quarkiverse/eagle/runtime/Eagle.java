package io.quarkiverse.eagle.runtime;

import static java.lang.annotation.ElementType.FIELD;
import static java.lang.annotation.ElementType.METHOD;
import static java.lang.annotation.ElementType.PARAMETER;
import static java.lang.annotation.ElementType.TYPE;

import java.lang.annotation.Documented;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import jakarta.enterprise.util.AnnotationLiteral;
import jakarta.inject.Qualifier;

/**
 * The model that {@code quarkus.eagle."name".*} configures: {@code @Inject @Eagle("coder") EagleModel coder}. The default
 * model, {@code quarkus.eagle.*}, is injected without it.
 */
@Qualifier
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ FIELD, METHOD, PARAMETER, TYPE })
public @interface Eagle {

    /** The name under which the model is configured. */
    String value();

    /** For lookups in code: {@code models.select(new Eagle.Literal("coder"))}. */
    final class Literal extends AnnotationLiteral<Eagle> implements Eagle {

        private static final long serialVersionUID = 1L;

        private final String value;

        public Literal(String value) {
            this.value = value;
        }

        @Override
        public String value() {
            return value;
        }
    }
}

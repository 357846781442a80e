package io.quarkiverse.eagle.architecture;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;

/** Dependencies point one way: deployment → runtime → engines → core; the graph builder knows the bundle only. */
class DependencyDirectionTest {

    private static final String ROOT = "io.quarkiverse.eagle";
    private static final String BUNDLE = ROOT + ".bundle";
    private static final String ENGINE = ROOT + ".engine";
    private static final String TREE = ROOT + ".tree";
    private static final String DRAFT = ROOT + ".draft";
    private static final String SAMPLING = ROOT + ".sampling";
    private static final String TEXT = ROOT + ".text";
    private static final String GRAMMAR = ROOT + ".grammar";
    private static final String TOOLS = ROOT + ".tools";
    private static final String DECODE = ROOT + ".decode";
    private static final String ONNX_RUNTIME = ROOT + ".onnxruntime";
    private static final String TRITON = ROOT + ".triton";
    private static final String TRITON_CLIENT = ROOT + ".triton.client..";
    private static final String TRITON_HOST = ROOT + ".triton.host";
    private static final String TRITON_REPOSITORY = ROOT + ".triton.repository..";
    private static final String TRITON_LOCAL = ROOT + ".triton.local";
    private static final String GRAPH = ROOT + ".graph..";
    private static final String PLAN = ROOT + ".plan..";
    private static final String CLI = ROOT + ".cli..";
    private static final String RUNTIME = ROOT + ".runtime..";
    private static final String DEPLOYMENT = ROOT + ".deployment..";
    private static final String OPENAI = ROOT + ".openai";
    private static final String OPENAI_DEPLOYMENT = ROOT + ".openai.deployment";

    private static final String[] CORE = { ROOT, BUNDLE, ENGINE, TREE, DRAFT, SAMPLING, TEXT, GRAMMAR, TOOLS, DECODE };

    private static final JavaClasses ALL = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(ROOT);

    @Test
    void everyModuleIsLookedAt() {
        List<String> packages = ALL.stream().map(JavaClass::getPackageName).distinct().toList();
        assertThat(packages).contains(CORE).contains(ONNX_RUNTIME, TRITON, TRITON + ".client", TRITON_HOST, TRITON_LOCAL,
                ROOT + ".triton.repository", OPENAI, OPENAI_DEPLOYMENT, ROOT + ".runtime", ROOT + ".deployment",
                ROOT + ".graph.model", ROOT + ".plan", ROOT + ".cli");
    }

    @ParameterizedTest(name = "{0} uses {1}")
    @MethodSource("allowed")
    void aPackageUsesOnlyWhatLiesBelowIt(String user, List<String> used) {
        classes().that().resideInAPackage(user).should().onlyDependOnClassesThat(
                outsideOfTheProject().or(resideInAPackage(user)).or(resideInAnyPackage(used.toArray(String[]::new))))
                .check(ALL);
    }

    static Stream<Arguments> allowed() {
        return Stream.of(
                Arguments.of(ROOT, List.of()),
                Arguments.of(BUNDLE, List.of()),
                Arguments.of(ENGINE, List.of()),
                Arguments.of(TEXT, List.of(ROOT)),
                Arguments.of(GRAMMAR, List.of(ROOT, TEXT)),
                Arguments.of(TOOLS, List.of(ROOT)),
                Arguments.of(SAMPLING, List.of(ROOT, ENGINE, GRAMMAR)),
                Arguments.of(TREE, List.of(ENGINE, SAMPLING, GRAMMAR)),
                Arguments.of(DRAFT, List.of(ROOT, BUNDLE, ENGINE, TREE, GRAMMAR)),
                Arguments.of(DECODE, List.of(CORE)),
                Arguments.of(ONNX_RUNTIME, List.of(CORE)),
                Arguments.of(TRITON, List.of(BUNDLE, ENGINE, TRITON_CLIENT)),
                Arguments.of(TRITON_CLIENT, List.of()),
                Arguments.of(TRITON_HOST, List.of()),
                Arguments.of(TRITON_REPOSITORY, List.of(BUNDLE, TRITON_HOST)),
                Arguments.of(TRITON_LOCAL, List.of(TRITON_HOST)),
                Arguments.of(GRAPH, List.of(BUNDLE)),
                Arguments.of(PLAN, List.of(BUNDLE)),
                Arguments.of(CLI, above(CORE, ONNX_RUNTIME, TRITON, TRITON_CLIENT, TRITON_REPOSITORY, GRAPH, PLAN)),
                Arguments.of(RUNTIME, above(CORE, ONNX_RUNTIME, TRITON, TRITON_CLIENT)),
                Arguments.of(OPENAI, above(CORE, RUNTIME)),
                Arguments.of(OPENAI_DEPLOYMENT, List.of(OPENAI)));
    }

    @Test
    void theCoreIsPlainJava() {
        noClasses().that().resideInAnyPackage(CORE).should().dependOnClassesThat()
                .resideInAnyPackage("io.quarkus..", "jakarta..", "io.vertx..", "ai.onnxruntime..", "io.grpc..", "io.netty..")
                .check(ALL);
    }

    /** The command line looks at the library itself, to tell whether it works on a machine. */
    @Test
    void onlyItsEngineAndTheCommandLineCallOnnxRuntime() {
        noClasses().that().resideOutsideOfPackages(ONNX_RUNTIME, CLI).should().dependOnClassesThat()
                .resideInAPackage("ai.onnxruntime..").check(ALL);
    }

    @Test
    void enginesAndTheGraphBuilderKnowNoQuarkus() {
        noClasses().that().resideInAnyPackage(ONNX_RUNTIME, TRITON, TRITON_CLIENT, TRITON_HOST, TRITON_REPOSITORY, TRITON_LOCAL,
                GRAPH, PLAN)
                .should().dependOnClassesThat()
                .resideInAnyPackage("io.quarkus..", "jakarta..").check(ALL);
    }

    /** The client is useful without the rest: it shows no gRPC stub of its own, and nothing but it speaks gRPC. */
    @Test
    void onlyTheTritonClientSpeaksGrpc() {
        noClasses().that().resideOutsideOfPackage(TRITON_CLIENT).should().dependOnClassesThat()
                .resideInAnyPackage("io.grpc..", "io.netty..", ROOT + ".triton.client.proto..").check(ALL);
    }

    @Test
    void onlyDeploymentAndTheFrontDoorsUseRuntime() {
        noClasses().that().resideOutsideOfPackages(RUNTIME, DEPLOYMENT, OPENAI).should().dependOnClassesThat()
                .resideInAPackage(RUNTIME).check(ALL);
    }

    @Test
    void nothingUsesDeploymentOrTheCommandLine() {
        for (String top : List.of(DEPLOYMENT, CLI)) {
            noClasses().that().resideOutsideOfPackage(top).should().dependOnClassesThat().resideInAPackage(top).check(ALL);
        }
    }

    @Test
    void packagesFormNoCycle() {
        slices().matching(ROOT + ".(**)").should().beFreeOfCycles().check(ALL);
    }

    private static List<String> above(String[] core, String... others) {
        return Stream.concat(Stream.of(core), Stream.of(others)).toList();
    }

    private static DescribedPredicate<JavaClass> outsideOfTheProject() {
        return resideOutsideOfPackages(ROOT + "..").as("are of a library");
    }
}

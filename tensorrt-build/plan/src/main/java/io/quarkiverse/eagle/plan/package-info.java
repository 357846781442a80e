/**
 * Engine bundles to TensorRT plans: options, optimisation profiles, the resulting bundle, and behind {@link
 * io.quarkiverse.eagle.plan.PlanCompiler} the calls into TensorRT, whose libraries load with the first of them only. Uses the
 * bundle's manifest and JavaCPP's bindings.
 */
package io.quarkiverse.eagle.plan;

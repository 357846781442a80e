/**
 * What a model would need and bring on a GPU, on paper: memory and a roofline of its steps from public data sheets. Estimates,
 * never measurements; docs/tensorrt.md has the formulae. Uses the bundle's manifest only.
 */
package io.quarkiverse.eagle.plan.estimate;

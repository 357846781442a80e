/**
 * From a row's logits to a token: penalties, temperature, cuts, and one repeatable draw per position.
 * May use the public {@code GenerationOptions}, the engine contract's {@code StepResult} and states of {@code grammar}; knows
 * no
 * trees and no text.
 */
package io.quarkiverse.eagle.sampling;

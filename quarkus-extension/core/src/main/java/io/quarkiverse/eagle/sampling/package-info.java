/**
 * From a row's logits to a token: penalties, a grammar, temperature, cuts, and one repeatable draw per position.
 * May use the public {@code GenerationOptions}, {@code StepResult} and {@code GrammarState}; knows no trees and no text.
 */
package io.quarkiverse.eagle.sampling;

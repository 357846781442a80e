/**
 * Tools in a model's own words: how they are shown, how a call is written, and how calls are found in an answer.
 * May use the public types; knows no tokens.
 */
package io.quarkiverse.eagle.tools;

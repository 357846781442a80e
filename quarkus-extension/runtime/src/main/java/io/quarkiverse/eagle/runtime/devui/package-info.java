/**
 * What the Dev UI asks for while it shows the models. Used in dev mode only.
 */
package io.quarkiverse.eagle.runtime.devui;

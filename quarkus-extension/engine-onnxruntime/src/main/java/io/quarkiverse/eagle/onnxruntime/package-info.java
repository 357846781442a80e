/**
 * The engine contract over ONNX Runtime, in process: sessions, their KV pools bound in place, weights shared between sessions.
 * May use the core's engine and bundle packages; knows no trees and no tokens' meaning.
 */
package io.quarkiverse.eagle.onnxruntime;

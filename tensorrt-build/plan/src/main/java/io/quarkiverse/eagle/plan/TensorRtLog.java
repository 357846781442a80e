package io.quarkiverse.eagle.plan;

import java.util.ArrayList;
import java.util.List;

import org.bytedeco.tensorrt.nvinfer.ILogger;

/** Keeps what TensorRT says of errors, from any of its threads; the bindings cannot implement its error recorder. */
final class TensorRtLog extends ILogger {

    private static final int MOST = 20;

    private final List<String> errors = new ArrayList<>();

    @Override
    public void log(Severity severity, String message) {
        if (severity.value <= Severity.kERROR.value) {
            synchronized (errors) {
                if (errors.size() < MOST) {
                    errors.add(message);
                }
            }
        }
    }

    void clear() {
        synchronized (errors) {
            errors.clear();
        }
    }

    String errors() {
        synchronized (errors) {
            return errors.isEmpty() ? "it gives no reason" : String.join("; ", errors);
        }
    }
}

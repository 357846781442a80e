package io.quarkiverse.eagle.decode;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.text.ChatTemplate;
import io.quarkiverse.eagle.text.Tokenizer;

/** What turns messages into tokens and back. */
record TextParts(Tokenizer tokenizer, ChatTemplate template) {

    /** Starts to load a bundle's tokenizer and template on a thread of their own. */
    static Loading load(Bundle bundle) {
        FutureTask<TextParts> task = new FutureTask<>(() -> read(bundle));
        Thread thread = new Thread(task, "eagle-text-" + bundle.manifest().name());
        thread.setDaemon(true);
        thread.start();
        return new Loading(task);
    }

    private static TextParts read(Bundle bundle) {
        Tokenizer tokenizer = Tokenizer.load(bundle.tokenizer());
        try {
            return new TextParts(tokenizer, template(bundle, tokenizer));
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    private static ChatTemplate template(Bundle bundle, Tokenizer tokenizer) {
        if (bundle.chatTemplate() == null) {
            return ChatTemplate.none();
        }
        BundleManifest manifest = bundle.manifest();
        return ChatTemplate.load(bundle.chatTemplate(), token(tokenizer, manifest.bosId()),
                manifest.eosIds().isEmpty() ? null : token(tokenizer, manifest.eosIds().get(0)));
    }

    private static String token(Tokenizer tokenizer, int id) {
        return id < 0 ? null : tokenizer.decode(new int[] { id }, false);
    }

    /** Parts that are being loaded. */
    record Loading(FutureTask<TextParts> task) {

        TextParts await() {
            boolean interrupted = false;
            try {
                while (true) {
                    try {
                        return task.get();
                    } catch (InterruptedException e) {
                        interrupted = true; // loading ends soon, and what it opened has to be taken over
                    }
                }
            } catch (ExecutionException e) {
                if (e.getCause() instanceof RuntimeException cause) {
                    throw cause;
                }
                if (e.getCause() instanceof Error cause) {
                    throw cause;
                }
                throw new IllegalStateException(e.getCause());
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }

        /** Waits for the parts and closes what there is: nobody wants them any more. */
        void abandon() {
            try {
                await().tokenizer().close();
            } catch (RuntimeException | Error e) {
                // They failed to load: there is nothing to close, and another error is on its way already.
            }
        }
    }
}

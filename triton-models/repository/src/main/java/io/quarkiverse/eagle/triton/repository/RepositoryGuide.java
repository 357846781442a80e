package io.quarkiverse.eagle.triton.repository;

import io.quarkiverse.eagle.bundle.BundleManifest;

/** The README of a repository: what to install, start and configure. */
record RepositoryGuide(HostRepository repository, BundleManifest manifest, HostOptions options) {

    String text() {
        boolean gpu = options.runtime().onGpu();
        return """
                # %s for Triton

                Engines of the bundle with checksum `%s`, %s, run by `%s`: models %s.
                Written by `eagle repository`; change `config.pbtxt` for other slots, threads or GPUs.

                ## Start

                The server needs its Python backend, and the packages of `%s` in that backend's Python:

                ```shell
                pip install -r %s
                tritonserver --model-repository=THIS_FOLDER --exit-on-error=false
                ```

                ## Use

                ```properties
                quarkus.eagle.engine=triton
                quarkus.eagle.triton.endpoints=HOST:8001
                quarkus.eagle.bundle=/path/to/the/bundle
                ```

                Of the bundle an application reads the manifest, the tokenizer and the chat template; its weights are read here.
                `eagle chat --triton HOST:8001 --model BUNDLE "Hello"` tries the server from a terminal.

                ## In production

                - Loading a model over the network is running code: start the server with
                  `--grpc-restricted-protocol=model-repository:admin-key=SECRET`, and TLS (`--grpc-use-ssl`).
                - A host whose process died stays "ready" for Triton. Readiness of the application decodes a token; let it decide.
                - Each pool holds %s sequences of %d tokens. Applications lease slots, and lose them after %d silent seconds.
                """
                .formatted(manifest.name(), manifest.checksum(), manifest.precision(), options.runtime().text(),
                        String.join(", ", repository.models().stream().map(name -> "`" + name + "`").toList()),
                        gpu ? "requirements-gpu.txt" : "requirements.txt", gpu ? "requirements-gpu.txt" : "requirements.txt",
                        options.slots() == 0 ? manifest.slots() : options.slots(), manifest.maxLength(),
                        options.leaseSeconds());
    }
}

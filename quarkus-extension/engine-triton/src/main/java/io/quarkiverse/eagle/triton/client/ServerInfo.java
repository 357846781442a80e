package io.quarkiverse.eagle.triton.client;

import java.util.List;

/**
 * What a server says of itself.
 *
 * @param extensions names of the protocol's extensions that it speaks
 */
public record ServerInfo(String name, String version, List<String> extensions) {
}

package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

import picocli.CommandLine.IVersionProvider;

/** The version that the build wrote into the jar. */
final class Version implements IVersionProvider {

    @Override
    public String[] getVersion() throws IOException {
        Properties properties = new Properties();
        try (InputStream file = Version.class.getResourceAsStream("/eagle-version.properties")) {
            properties.load(file);
        }
        return new String[] { "eagle " + properties.getProperty("version") };
    }
}

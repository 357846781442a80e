package io.quarkiverse.eagle.graph.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.source.PackageIndex.Wheel;

class PackageIndexTest {

    private static final String JSON = "application/vnd.pypi.simple.v1+json";

    private final LoopbackServer server = new LoopbackServer();

    @AfterEach
    void stop() {
        server.close();
    }

    private PackageIndex index(String address) {
        Environment environment = new Environment(Map.of("PIP_INDEX_URL", address)::get);
        return new PackageIndex(new Http(environment, Duration.ofMillis(1)), environment);
    }

    private PackageIndex index() {
        return index(server.address("/simple").toString());
    }

    private void serveJson(String... fileNames) {
        String files = String.join(",", Arrays.stream(fileNames).map(name -> "{\"filename\":\"" + name
                + "\",\"url\":\"../../files/" + name + "\",\"hashes\":{\"sha256\":\"AB12\"},\"yanked\":"
                + (name.contains("9.9") ? "\"broken\"" : "false") + "}").toList());
        server.serve("/simple/some-model/", JSON, "{\"files\":[" + files + "]}");
    }

    @Test
    void takesTheNewestFinalVersionThatIsNotWithdrawn() throws IOException {
        serveJson("some_model-0.9.0-py3-none-any.whl", "some_model-0.10.0-py3-none-any.whl",
                "some_model-1.0rc1-py3-none-any.whl", "some_model-9.9-py3-none-any.whl", "some_model-0.11.tar.gz");
        Wheel wheel = index().find("Some.Model", null);
        assertThat(wheel.fileName()).isEqualTo("some_model-0.10.0-py3-none-any.whl");
        assertThat(wheel.address()).isEqualTo(server.address("/files/some_model-0.10.0-py3-none-any.whl"));
        assertThat(wheel.sha256()).isEqualTo("ab12");
        assertThat(index().find("some-model", "1.0.rc1").version()).isEqualTo("1.0rc1");
        assertThat(index().find("some-model", "9.9").yanked()).isTrue();
        assertThat(index().find("some-model", "0.9").version()).isEqualTo("0.9.0");
    }

    @Test
    void prefersAWheelForAnyPlatform() throws IOException {
        serveJson("some_model-1.0-cp311-cp311-win_amd64.whl", "some_model-1.0-1-py3-none-any.whl",
                "some_model-1.0-cp311-cp311-macosx_11_0_arm64.whl");
        assertThat(index().find("some-model", null).anyPlatform()).isTrue();
    }

    @Test
    void readsTheHtmlForm() throws IOException {
        server.serve("/simple/some-model/", "text/html", "<html><body>\n"
                + "<a href=\"/files/some_model-1.0-py3-none-any.whl?a=1&amp;b=2#sha256=cd34\">some_model-1.0-py3-none-any.whl</a>\n"
                + "<A data-yanked='' HREF='/files/some_model-2.0-py3-none-any.whl'>some_model-2.0-py3-none-any.whl</A>\n"
                + "<a href='/files/some_model-1.5.tar.gz'>some_model-1.5.tar.gz</a></body></html>");
        Wheel wheel = index().find("some-model", null);
        assertThat(wheel.address()).isEqualTo(server.address("/files/some_model-1.0-py3-none-any.whl?a=1&b=2"));
        assertThat(wheel.sha256()).isEqualTo("cd34");
        assertThat(index().find("some-model", "2.0").sha256()).isNull();
    }

    @Test
    void logsInWithTheUserInTheAddressAndShowsItToNobody() throws IOException {
        serveJson("some_model-1.0-py3-none-any.whl");
        String address = server.address("/simple/").toString().replace("//", "//me:p%40ss@");
        index(address).find("some-model", null);
        assertThat(server.requests.get(0).header("Authorization")).isEqualTo("Basic bWU6cEBzcw==");
        assertThatThrownBy(() -> index(address).find("none", null)).hasMessageNotContaining("p%40ss");
    }

    @Test
    void saysWhatIsMissing() {
        assertThatThrownBy(() -> index().find("nothing", null))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll(server.address("/simple/").toString(), "no package nothing", "PIP_INDEX_URL");
        serveJson("some_model-0.9.0-py3-none-any.whl", "some_model-0.10.0-py3-none-any.whl");
        assertThatThrownBy(() -> index().find("some-model", "3.0"))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("no wheel of some-model 3.0; it has 0.10.0, 0.9.0");
        serveJson("some_model-0.11.tar.gz");
        assertThatThrownBy(() -> index().find("some-model", null)).hasMessageContaining("but no wheel of it");
        server.nextStatus(401);
        assertThatThrownBy(() -> index().find("some-model", null)).hasMessageContaining("refuses access (401)");
    }

    @Test
    void asksABusyIndexAgain() throws IOException {
        serveJson("some_model-1.0-py3-none-any.whl");
        server.nextStatus(502);
        assertThat(index().find("some-model", null).version()).isEqualTo("1.0");
    }

    @Test
    void ordersVersionsAsPythonDoes() {
        List<String> ordered = List.of("0.9", "1.0.dev1", "1.0a1.dev2", "1.0a1", "1.0a2", "1.0b1", "1.0rc1", "1.0",
                "1.0.post1", "1.0.1", "1.2", "1.10", "2!0.1");
        List<String> shuffled = new ArrayList<>(ordered);
        Collections.shuffle(shuffled, new Random(3));
        shuffled.sort(Comparator.comparing(PackageVersion::parse));
        assertThat(shuffled).isEqualTo(ordered);
        assertThat(PackageVersion.parse("1.0")).isEqualTo(PackageVersion.parse("v1.0.0"));
        assertThat(PackageVersion.parse("1.0-1")).isEqualTo(PackageVersion.parse("1.post1")).isNotEqualTo(
                PackageVersion.parse("1.0"));
        assertThat(PackageVersion.parse("1.0.alpha.1")).isEqualTo(PackageVersion.parse("1a1"));
        assertThat(PackageVersion.parse("latest")).isNull();
    }
}

package io.quarkiverse.eagle.openai.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

class ServeCommandTest {

    @Test
    void saysWhereItListensAndEndsWithItsServerAfterTheAnswerThatRunsWhenItIsTold() throws Exception {
        int port = ServeProcess.freePort();
        ServeProcess server = ServeProcess.start(port, "--slots", "1", "--threads", "1");
        assertThat(server.readyLine()).isEqualTo("Serving SmolLM2-135M-Instruct at http://localhost:" + port + "/v1");
        HttpResponse<Stream<String>> answer = HttpClient.newHttpClient().send(
                HttpRequest.newBuilder(URI.create("http://localhost:" + port + "/v1/completions"))
                        .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\": \"one, two, three, four, five, six, seven,\","
                                + " \"temperature\": 0, \"max_tokens\": 80, \"stream\": true}"))
                        .build(),
                HttpResponse.BodyHandlers.ofLines());
        assertThat(answer.statusCode()).isEqualTo(200);
        server.close();
        assertThat(answer.body()).endsWith("data: [DONE]", "");
        assertThat(server.status()).isEqualTo(143);
        assertThatThrownBy(() -> new Socket("localhost", port).close()).isInstanceOf(IOException.class);
        assertThat(server.errors()).isEmpty();
    }

    @Test
    void failsInOneSentenceWhereThePortIsTaken() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("localhost"))) {
            ServeProcess server = ServeProcess.start(taken.getLocalPort());
            assertThat(server.status()).isEqualTo(1);
            assertThat(server.errors()).startsWith("eagle: cannot listen on localhost:").hasLineCount(1);
        }
    }
}

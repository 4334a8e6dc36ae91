import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;

/**
 * A ZooKeeper in memory, <code>zkt serve</code>, and its control socket. The variable ZKT names the program
 * where it is not on the PATH.
 */
final class ZktServer implements AutoCloseable {
    private final Process process;
    private final String hosts;
    private final String control;
    private final HttpClient http = HttpClient.newHttpClient();

    ZktServer() throws IOException {
        String zkt = System.getenv().getOrDefault("ZKT", "zkt");
        process = new ProcessBuilder(zkt, "serve", "--listen", ":0", "--control", ":0")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        BufferedReader lines = new BufferedReader(new InputStreamReader(process.getInputStream()));
        hosts = lines.readLine();
        control = lines.readLine();
        if (control == null) {
            throw new IOException("zkt serve does not start");
        }
    }

    /** The connect string for clients. */
    String hosts() {
        return hosts;
    }

    /** Does something: expire, cut-all, inject and so on. */
    String post(String call, String body) throws IOException, InterruptedException {
        return answer(request(call).POST(BodyPublishers.ofString(body)).build());
    }

    /** Shows something: sessions, tree, injections and so on. */
    String get(String call) throws IOException, InterruptedException {
        return answer(request(call).build());
    }

    private HttpRequest.Builder request(String call) {
        return HttpRequest.newBuilder(URI.create(control + "/" + call)).version(HttpClient.Version.HTTP_1_1);
    }

    private String answer(HttpRequest request) throws IOException, InterruptedException {
        HttpResponse<String> response = http.send(request, BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new IOException(response.statusCode() + ": " + response.body());
        }
        return response.body();
    }

    @Override
    public void close() throws InterruptedException {
        process.destroy();
        process.waitFor();
    }
}

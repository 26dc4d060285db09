/** Programs of the command line through the proxy: curl, wrk, h2load, Python's http.client. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { hasProgram, run } from "./programs.js";
import { type Stage, startStage } from "./stage.js";
import { bytesOf, sumOf } from "./web-instance.js";

const MEGABYTE = bytesOf(1_048_576);

/** The ways to reach the proxy with curl. */
function curlWays({ clear, secured, caFile }: Stage) {
  return [
    { name: "HTTP/1.1", version: "1.1", url: clear.url, flags: ["--http1.1"] },
    { name: "HTTP/2", version: "2", url: clear.url, flags: ["--http2-prior-knowledge"] },
    { name: "HTTPS", version: "1.1", url: secured.url, flags: ["--http1.1", "--cacert", caFile] },
    { name: "HTTPS, ALPN", version: "2", url: secured.url, flags: ["--cacert", caFile] },
  ];
}

async function curl(args: readonly string[], input?: Buffer | string) {
  const ran = await run("curl", ["-sS", "--max-time", "20", ...args], input);
  assert.equal(ran.exitCode, 0, `curl ${args.join(" ")}: ${ran.stderr}`);
  return ran;
}

test("programs of the command line", { timeout: 120_000 }, async (t) => {
  const stage = await startStage(t);

  for (const { name, version, url, flags } of curlWays(stage)) {
    await t.test(`curl by ${name}`, async (t) => {
      if (!hasProgram(t, "curl")) return;
      const { stdout } = await curl([...flags, "-w", " %{http_version}", `${url}/hello`]);
      assert.equal(String(stdout), `hello ${version}`);
      for (const path of ["bytes", "chunks"]) {
        const down = await curl([...flags, `${url}/${path}/1048576`]);
        assert.ok(down.stdout.equals(MEGABYTE), `${path} unchanged`);
      }
      const byLength = ["-H", "expect:", "--data-binary", "@-"];
      const up = await curl([...flags, ...byLength, `${url}/sum`], MEGABYTE);
      assert.equal(String(up.stdout), sumOf(MEGABYTE));
      // What is read from a pipe has no length: chunks in HTTP/1.1, frames in HTTP/2.
      const piped = await curl([...flags, "-T", "-", `${url}/sum`], MEGABYTE);
      assert.equal(String(piped.stdout), sumOf(MEGABYTE));
      const head = await curl([...flags, "-I", `${url}/hello`]);
      assert.match(String(head.stdout), /^HTTP\/[12][.1]* 200/);
      // curl 7.88 fails at its second request on one connection of prior knowledge (error 16).
      if (flags.includes("--http2-prior-knowledge")) return;
      const moved = await curl([...flags, "-L", "-w", " %{num_redirects}", `${url}/moved`]);
      assert.equal(String(moved.stdout), "hello 1");
    });
  }

  await t.test("curl waits for 100 Continue", async (t) => {
    if (!hasProgram(t, "curl")) return;
    const flags = ["-v", "--http1.1", "-H", "expect: 100-continue", "--data-binary", "@-"];
    // Only the interim answer lets it begin within its time.
    const patience = ["--expect100-timeout", "15"];
    const { stdout, stderr } = await curl(
      [...flags, ...patience, `${stage.clear.url}/sum`],
      MEGABYTE,
    );
    assert.match(stderr, /< HTTP\/1\.1 100 Continue/);
    assert.equal(String(stdout), sumOf(MEGABYTE));
  });

  await t.test("curl that leaves early has the instance told", async (t) => {
    if (!hasProgram(t, "curl")) return;
    const { url } = stage.clear;
    for (const version of ["--http1.1", "--http2-prior-knowledge"]) {
      const left = once(stage.state.signals, "left");
      const flags = ["-sS", version, "--max-time", "0.4"];
      const { exitCode } = await run("curl", [...flags, `${url}/endless`]);
      // 28: the time is up.
      assert.equal(exitCode, 28);
      await left;
    }
  });

  await t.test("wrk", async (t) => {
    if (!hasProgram(t, "wrk")) return;
    const { exitCode, stdout } = await run("wrk", [
      ...["-t1", "-c8", "-d1s", "--timeout", "10s", `${stage.clear.url}/hello`],
    ]);
    assert.equal(exitCode, 0);
    const text = String(stdout);
    assert.doesNotMatch(text, /Socket errors|Non-2xx/, text);
    assert.ok(Number(/(\d+) requests in/.exec(text)?.[1]) > 0, text);
  });

  await t.test("h2load", async (t) => {
    if (!hasProgram(t, "h2load", "nghttp2-client")) return;
    const flags = ["-n", "400", "-c", "4", "-m", "25"];
    const by = [
      [...flags, `${stage.clear.url}/hello`],
      [...flags, `${stage.secured.url}/hello`],
      [...flags, "--h1", `${stage.clear.url}/hello`],
    ];
    for (const args of by) {
      const text = String((await run("h2load", args)).stdout);
      assert.match(text, /400 succeeded, 0 failed, 0 errored, 0 timeout/, text);
      assert.match(text, /400 2xx, 0 3xx, 0 4xx, 0 5xx/);
    }
  });

  await t.test("Python's http.client and urllib", async (t) => {
    if (!hasProgram(t, "python3")) return;
    const { exitCode, stdout, stderr } = await run(
      "python3",
      ["-", String(stage.clear.port), stage.secured.url, stage.caFile],
      PYTHON,
    );
    assert.equal(exitCode, 0, stderr);
    assert.equal(String(stdout).trim(), `hello hello ${sumOf(Buffer.from("abcdef"))} hello`);
  });
});

/** Two requests on one connection, an upload in chunks, a redirect over TLS. */
const PYTHON = `
import http.client, ssl, sys, urllib.request
port, secured, ca = sys.argv[1:]
kept = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
said = []
for _ in range(2):
    kept.request("GET", "/hello")
    said.append(kept.getresponse().read().decode())
kept.request("POST", "/sum", body=iter([b"abc", b"def"]), encode_chunked=True,
    headers={"transfer-encoding": "chunked"})
said.append(kept.getresponse().read().decode())
context = ssl.create_default_context(cafile=ca)
with urllib.request.urlopen(secured + "/moved", timeout=20, context=context) as answer:
    said.append(answer.read().decode())
print(*said)
`;

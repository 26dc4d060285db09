import assert from "node:assert/strict";
import test from "node:test";
import { RegistryError } from "@fpzk/core";
import { Command } from "commander";
import { CliError } from "../cli-error.js";
import { memoryIo } from "../testing/memory-io.js";
import { addClientOptions, clientSettings, servicePath, withTargets } from "./client-options.js";

function settings(words: string, environment: Record<string, string> = {}) {
  const command = addClientOptions(new Command());
  command.parse(words === "" ? [] : words.split(" "), { from: "user" });
  return clientSettings(command, memoryIo({ environment }));
}

function checkServers(text: string, expected: readonly string[]) {
  const { targets } = settings(`--server ${text}`);
  assert.deepEqual(
    targets.map(({ baseUrl }) => baseUrl.origin),
    expected,
    text,
  );
}

test("servers are addresses or URLs, port 7100 unless said", () => {
  checkServers("eu-1", ["http://eu-1:7100"]);
  checkServers("eu-1:80,[::1]:7200,::1", ["http://eu-1", "http://[::1]:7200", "http://[::1]:7100"]);
  checkServers("https://eu-1,https://eu-1:443", ["https://eu-1:7100", "https://eu-1"]);
});

test("what is no server is refused with exit code 2", () => {
  for (const text of ["ftp://a", "http://a/path", "http://u:p@a", "a:b", "http://", "a,,b"]) {
    assert.throws(
      () => settings(`--server ${text}`),
      (error) => error instanceof CliError && error.exitCode === 2,
      text,
    );
  }
});

test("flags win over the environment, which wins over the defaults", () => {
  const { targets, namespace } = settings("");
  assert.equal(targets[0]?.baseUrl.href, "http://127.0.0.1:7100/");
  assert.equal(targets[0]?.token, undefined);
  assert.equal(namespace, "default");
  const environment = { FPZK_SERVER: "a:1", FPZK_TOKEN: "t", FPZK_NAMESPACE: "n" };
  const given = settings("--namespace m", environment);
  assert.equal(given.targets[0]?.baseUrl.origin, "http://a:1");
  assert.equal(given.targets[0]?.token, "t");
  assert.equal(given.namespace, "m");
});

test("names are encoded in paths", () => {
  assert.equal(servicePath("n/a", "ü"), "/v1/namespaces/n%2Fa/services/%C3%BC");
});

test("only an unavailable server is passed over", async () => {
  const asked: string[] = [];
  const two = settings("--server a:1,b:1");
  const ask = (code: "unavailable" | "not_found") =>
    withTargets(two, async ({ baseUrl }) => {
      asked.push(baseUrl.host);
      throw new RegistryError(code, "no");
    });
  await assert.rejects(ask("unavailable"));
  assert.deepEqual(asked.splice(0), ["a:1", "b:1"]);
  await assert.rejects(ask("not_found"));
  assert.deepEqual(asked, ["a:1"]);
});

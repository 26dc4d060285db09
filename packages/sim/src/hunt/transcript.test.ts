import assert from "node:assert/strict";
import { test } from "node:test";
import { Stage } from "../scenarios/stage.js";
import { Transcript } from "./transcript.js";

test("a transcript tells a life in lines that a person can follow", () => {
  const stage = new Stage();
  const transcript = new Transcript();
  transcript.attach(stage.world);
  stage.addNodes({ us: 1, eu: 1 });
  stage.settle();
  const provider = stage.addClient("provider", "us", ["us-1"]);
  stage.register(provider, "orders/o");
  stage.register(provider, "orders/other");
  const viewer = stage.addClient("viewer", "eu", ["eu-1"]);
  viewer.watch("orders");
  stage.run(3_000);
  stage.world.crashClient("provider");
  stage.run(3_000);
  const at = stage.world.now();
  const failures = [{ oracle: "S4", at, text: "us-1 removed orders/o while it lives" }];
  const strikes = [{ index: 3, at: at - 3_000, name: "crash-client", detail: "provider" }];
  const lines = transcript.tell({ strikes, failures });
  const check = (expected: RegExp) =>
    assert.ok(
      lines.some((line) => expected.test(line)),
      `${expected} in:\n${lines.join("\n")}`,
    );
  check(/^ +1\.000 s {2}us-1 +starts \(generation \d+\)$/);
  check(/provider asks: register orders\/o$/);
  check(/provider is told: orders\/o is registered$/);
  check(/us-1 +writes orders\/o \(\d+, 1, 0\) up$/);
  check(/eu-1 +takes from us-1: orders\/o \(\d+, 1, 0\) up$/);
  check(/STRIKE +3 crash-client provider$/);
  check(/us-1 +writes orders\/o \(\d+, 1, 0\) up, suspect$/);
  check(/viewer +view: loses orders\/o \(\d+, 1, 0\), reason connectionLost$/);
  assert.match(lines.at(-1) ?? "", /FAILED {3}S4: us-1 removed orders\/o while it lives$/);
  const isEarly = (line: string) => Number(line.trim().split(" ")[0]) < (at - 1_600) / 1_000;
  const others = lines.filter((line) => line.includes("orders/other") && isEarly(line));
  assert.deepEqual(others, [], "what the failure is not about is left out");
});

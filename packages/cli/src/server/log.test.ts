import assert from "node:assert/strict";
import test from "node:test";
import { memoryIo } from "../testing/memory-io.js";
import { createLogger, logForm } from "./log.js";

test("auto is pretty on a terminal, else json", () => {
  assert.equal(logForm("auto", memoryIo({ isTerminal: true })), "pretty");
  assert.equal(logForm("auto", memoryIo()), "json");
  assert.equal(logForm("off", memoryIo()), "off");
});

test("json is one object a line with event, level, time and fields", async () => {
  const io = memoryIo();
  const logger = await createLogger("json", "info", io, { worker: 2 });
  logger.debug("not.shown");
  logger.warn("member.suspect", { nodeId: "n1" });
  const { time, ...line } = JSON.parse(io.written.stderr);
  assert.deepEqual(line, { level: "warn", worker: 2, nodeId: "n1", event: "member.suspect" });
  assert.ok(!Number.isNaN(Date.parse(time)));
});

test("pretty is time, level, event and fields, safe for the terminal", async () => {
  const io = memoryIo();
  const logger = await createLogger("pretty", "info", io, {});
  logger.debug("not.shown");
  logger.info("link.closed", { reason: "a b\u001b[31m", code: undefined, count: 2 });
  const line = io.written.stderr.replace(/^\d\d:\d\d:\d\d\.\d{3} /, "");
  assert.equal(line, 'info  link.closed reason="a b\ufffd[31m" count=2\n');
});

test("off writes nothing", async () => {
  const io = memoryIo();
  (await createLogger("off", "debug", io, {})).error("x");
  assert.equal(io.written.stderr, "");
});

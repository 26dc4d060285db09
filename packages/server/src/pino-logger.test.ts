import assert from "node:assert/strict";
import test from "node:test";
import { pino } from "pino";
import { pinoLogger } from "./pino-logger.js";

test("a log line is the event's name and its fields", () => {
  const lines: string[] = [];
  const logger = pinoLogger(pino({ level: "debug" }, { write: (line) => lines.push(line) }));
  logger.warn("member.suspect", { nodeId: "a", elapsedMs: 12 });
  logger.info("node.ready");
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(first?.["msg"], "member.suspect");
  assert.equal(first?.["nodeId"], "a");
  assert.equal(first?.["level"], 40);
  assert.equal(second?.["msg"], "node.ready");
});

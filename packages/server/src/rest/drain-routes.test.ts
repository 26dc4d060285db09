import assert from "node:assert/strict";
import { test } from "node:test";
import { SELECTED_COUNT_MAX } from "./operator-drain.js";
import { createFixture, type Fixture } from "./rest-fixture.test.support.js";

type Line = Readonly<Record<string, unknown>>;

async function put(fixture: Fixture, service: string, id: string, zone: string, version = "1") {
  const endpoints = [{ host: `host-${zone}`, port: 1 }];
  const path = `/v1/services/${service}/instances/${id}`;
  const { status } = await fixture.call("PUT", path, { zone, version, endpoints });
  assert.equal(status, 201);
}

async function drain(fixture: Fixture, body: object): Promise<Line[]> {
  const { status, text } = await fixture.call("POST", "/v1/drains", body);
  assert.equal(status, 200, text);
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

const named = (lines: readonly Line[], type: string) =>
  lines.filter((line) => line["type"] === type).map((line) => `${line["service"]}/${line["id"]}`);

async function stateOf(fixture: Fixture, service: string, id: string): Promise<string> {
  const { json } = await fixture.call("GET", `/v1/services/${service}/instances/${id}`);
  return json.state;
}

test("a zone is drained, but never the last instance of a service", async () => {
  const fixture = await createFixture();
  for (const [service, id, zone] of [
    ["cart", "1", "a"],
    ["cart", "2", "b"],
    ["shop", "1", "a"],
    ["shop", "2", "a"],
  ] as const) {
    await put(fixture, service, id, zone);
  }
  const lines = await drain(fixture, { zone: "a", note: "power work" });
  assert.deepEqual(lines[0], { type: "plan", instanceCount: 3, serviceCount: 2 });
  assert.deepEqual(named(lines, "drained").sort(), ["cart/1", "shop/1"]);
  assert.deepEqual(named(lines, "held"), ["shop/2"]);
  assert.deepEqual(lines.at(-1), {
    ...{ type: "end", isComplete: true, drainedCount: 2, unconfirmedCount: 0 },
    ...{ heldCount: 1, failedCount: 0 },
  });
  assert.equal(await stateOf(fixture, "shop", "2"), "up");
  // Said plainly, the last one goes too; what is out already costs nothing.
  const all = await drain(fixture, { zone: "a", all: true });
  assert.deepEqual(named(all, "drained").sort(), ["cart/1", "shop/1", "shop/2"]);
  const lift = await fixture.call("DELETE", "/v1/overrides?zone=a");
  assert.equal(lift.json.lifted.length, 3);
  assert.equal(await stateOf(fixture, "shop", "2"), "up");
  assert.deepEqual((await fixture.call("DELETE", "/v1/overrides?zone=a")).json.lifted, []);
});

test("a version, a host, a bound and a trial", async () => {
  const fixture = await createFixture();
  for (const id of ["1", "2", "3", "4"]) await put(fixture, "cart", id, id, id < "3" ? "1" : "2");
  const version = { service: "cart", version: "1", dryRun: true };
  assert.deepEqual(named(await drain(fixture, version), "draining"), ["cart/1", "cart/2"]);
  assert.equal(await stateOf(fixture, "cart", "1"), "up");
  const host = await drain(fixture, { host: "host-3" });
  assert.deepEqual(named(host, "drained"), ["cart/3"]);
  const bound = await drain(fixture, { service: "cart", maxUnavailable: "50%", batch: 1 });
  assert.equal(named(bound, "held").length, 2);
});

test("who did not confirm is named, and what went wrong is told", async () => {
  const fixture = await createFixture();
  await put(fixture, "cart", "1", "a");
  await put(fixture, "cart", "2", "b");
  fixture.port.drainOutcome = { confirmedCount: 3, unconfirmed: ["us-1/c7"] };
  const lines = await drain(fixture, { zone: "a" });
  const drained = lines.find((line) => line["type"] === "drained");
  assert.deepEqual(drained?.["unconfirmed"], ["us-1/c7"]);
  assert.equal(lines.at(-1)?.["unconfirmedCount"], 1);
});

test("a drain of many is refused before anything is done", async () => {
  const fixture = await createFixture();
  await put(fixture, "cart", "1", "a");
  const refused = async (body: object, status: number, text: RegExp) => {
    const answer = await fixture.call("POST", "/v1/drains", body);
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.text, text);
  };
  await refused({ note: "everything?" }, 400, /one of service, version, region, zone and host/);
  await refused({ version: "1" }, 400, /service must be given with version/);
  await refused({ zone: "a", maxUnavailable: "200%" }, 400, /a count, or a share/);
  await refused({ zone: "a", timeout: "1h" }, 400, /timeout/);
  await refused({ zone: "nowhere" }, 404, /no instance of zone nowhere/);
  const program = { authorization: "Bearer program" };
  const answer = await fixture.call("POST", "/v1/drains", { zone: "a" }, program);
  assert.equal(answer.status, 403);
  assert.equal(await stateOf(fixture, "cart", "1"), "up");
  for (let count = 0; count < SELECTED_COUNT_MAX; count += 1) {
    await put(fixture, "cart", `many-${count}`, "a");
  }
  await refused({ zone: "a" }, 400, /1001 instances of zone a are more than 1000/);
});

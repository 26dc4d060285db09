import assert from "node:assert/strict";
import test from "node:test";
import {
  type Answerer,
  answerJson,
  answerProblem,
  type FakeRest,
  startFakeRest,
} from "../testing/fake-rest.js";
import { type MemoryIoOptions, runInMemory } from "../testing/memory-io.js";

const INSTANCE = {
  namespace: "default",
  service: "hello",
  id: "a/1",
  stamp: { incarnation: 1, session: 1, claim: 0 },
  since: 1,
  state: "up",
  liveness: "alive",
  weight: 100,
  group: "",
  version: "2",
  region: "eu",
  zone: "",
  endpoints: [{ protocol: "http", host: "::1", port: 8080, tls: false, reach: "internal" }],
  metadata: { lane: "blue" },
  startWallTime: 1,
  ownerNodeId: "n",
};
const ALIVE = { type: "alive" };

async function withRest(answer: Answerer, use: (rest: FakeRest) => Promise<void>): Promise<void> {
  const rest = await startFakeRest(answer);
  try {
    await use(rest);
  } finally {
    await rest[Symbol.asyncDispose]();
  }
}

function fpzk(rest: FakeRest, args: string, options: MemoryIoOptions = {}) {
  const environment = { FPZK_SERVER: rest.url, ...options.environment };
  return runInMemory(args.split(" "), { ...options, environment });
}

test("services asks for every page, with token and namespace", async () => {
  const answer: Answerer = ({ url }, response) => {
    const isFirst = !url.includes("after");
    const services = [{ service: isFirst ? "a" : "b", instanceCount: 2, upCount: isFirst ? 2 : 0 }];
    answerJson(response, { namespace: "n/1", services, ...(isFirst ? { next: "a" } : {}) });
  };
  await withRest(answer, async (rest) => {
    const environment = { FPZK_TOKEN: "t1" };
    const result = await fpzk(rest, "services --namespace n/1", { environment });
    assert.deepEqual(result, {
      exitCode: 0,
      stdout: "SERVICE  INSTANCES  UP\na                2   2\nb                2   0\n",
      stderr: "",
    });
    assert.deepEqual(
      rest.asked.map(({ url, authorization }) => [url, authorization]),
      [
        ["/v1/namespaces/n%2F1/services", "Bearer t1"],
        ["/v1/namespaces/n%2F1/services?after=a", "Bearer t1"],
      ],
    );
    const json = await fpzk(rest, "services --json --token t2");
    assert.equal(JSON.parse(json.stdout).services.length, 2);
    assert.equal(rest.asked.at(-1)?.authorization, "Bearer t2");
  });
});

test("instances shows a table, or the answer as it is; none is 3", async () => {
  const answer: Answerer = ({ url }, response) =>
    answerJson(response, { instances: url.endsWith("/none") ? [] : [INSTANCE], digest: "0" });
  await withRest(answer, async (rest) => {
    const { stdout } = await fpzk(rest, "instances hello");
    assert.match(stdout, /^ID +ENDPOINT +STATE +LIVENESS +WEIGHT +REGION +ZONE +VERSION/);
    assert.match(stdout, /a\/1 +http:\/\/\[::1\]:8080 +up +alive +100 +eu +- +2 +- +lane=blue\n$/);
    const json = await fpzk(rest, "instances hello --json");
    assert.deepEqual(JSON.parse(json.stdout), { instances: [INSTANCE], digest: "0" });
    const none = await fpzk(rest, "instances none");
    assert.equal(none.exitCode, 3);
    assert.match(none.stderr, /service none has no instances in namespace default/);
  });
});

test("colour needs a terminal and no wish against it", async () => {
  const answer: Answerer = (_, response) => answerJson(response, { instances: [INSTANCE] });
  await withRest(answer, async (rest) => {
    const colored = await fpzk(rest, "instances hello", { isTerminal: true });
    assert.ok(colored.stdout.includes("\u001b[32m"));
    const environment = { NO_COLOR: "1" };
    const plain = await fpzk(rest, "instances hello", { isTerminal: true, environment });
    assert.ok(!plain.stdout.includes("\u001b"));
  });
});

test("nodes shows each node's place and status", async () => {
  const node = { nodeId: "n1", generation: 1, region: "us", zone: "a", tls: false };
  const nodes = [{ ...node, address: "10.0.0.1:7100", status: "alive" }];
  await withRest(
    ({ url }, response) => {
      assert.equal(url, "/v1/nodes");
      answerJson(response, { nodes });
    },
    async (rest) => {
      const { stdout } = await fpzk(rest, "nodes");
      assert.match(stdout, /\nn1 +us +a +10.0.0.1:7100 +alive\n$/);
      assert.deepEqual(JSON.parse((await fpzk(rest, "nodes --json")).stdout), { nodes });
    },
  );
});

test("servers are forgotten one after the other, until one is refused", async () => {
  const answer: Answerer = ({ url }, response) => {
    if (url.endsWith("/n2")) return answerProblem(response, 412, "failed_precondition");
    response.writeHead(204).end();
  };
  await withRest(answer, async (rest) => {
    const done = await fpzk(rest, "forget-node us/1 n3");
    assert.deepEqual(done, {
      exitCode: 0,
      stdout: "us/1 is forgotten\nn3 is forgotten\n",
      stderr: "",
    });
    const refused = await fpzk(rest, "forget-node n1 n2 n3");
    assert.deepEqual([refused.exitCode, refused.stdout], [1, "n1 is forgotten\n"]);
    assert.match(refused.stderr, /why failed_precondition/);
    assert.deepEqual(
      rest.asked.map(({ method, url }) => `${method} ${url}`),
      ["us%2F1", "n3", "n1", "n2"].map((name) => `DELETE /v1/nodes/${name}`),
    );
  });
});

test("an operator's words become the right requests", async () => {
  const answer: Answerer = (_, response) =>
    answerJson(response, { confirmedCount: 3, unconfirmed: [] });
  await withRest(answer, async (rest) => {
    const path = "/v1/namespaces/default/services/hello/instances/a%2F1";
    const cases = [
      ["offline hello a/1 --note why", "PUT", "/override", { state: "offline", note: "why" }],
      ["online hello a/1", "DELETE", "/override", undefined],
      ["drain hello a/1 --timeout 2s", "PUT", "/override", { state: "draining", timeout: 2_000 }],
      ["deregister hello a/1", "DELETE", "", undefined],
    ] as const;
    for (const [words, method, tail, body] of cases) {
      const result = await fpzk(rest, words);
      assert.equal(result.exitCode, 0, words + result.stderr);
      const { authorization: _, ...asked } = rest.asked.at(-1)!;
      assert.deepEqual(asked, { method, url: path + tail, body }, words);
    }
    const drained = await fpzk(rest, "drain hello a/1");
    assert.equal(drained.stdout, "hello/a/1 is drained; 3 subscribers confirmed\n");
  });
});

test("a drain that not all confirmed fails and names them", async () => {
  const outcome = { confirmedCount: 1, unconfirmed: ["n1/c1", "n2"] };
  await withRest(
    (_, response) => answerJson(response, outcome),
    async (rest) => {
      const result = await fpzk(rest, "drain hello a");
      assert.equal(result.exitCode, 1);
      assert.match(
        result.stderr,
        /may still pick hello\/a; 1 subscribers confirmed:\n {2}n1\/c1\n/,
      );
      const json = await fpzk(rest, "drain hello a --json");
      assert.deepEqual([json.exitCode, JSON.parse(json.stdout)], [1, outcome]);
    },
  );
});

test("the exit code says what the server answered", async () => {
  const cases = [
    [404, "not_found", 3],
    [401, "unauthenticated", 4],
    [403, "permission_denied", 4],
    [503, "unavailable", 5],
    [400, "invalid_argument", 2],
    [500, "internal", 1],
  ] as const;
  for (const [status, code, exitCode] of cases) {
    await withRest(
      (_, response) => answerProblem(response, status, code),
      async (rest) => {
        const result = await fpzk(rest, "deregister hello a");
        assert.equal(result.exitCode, exitCode, code);
        assert.equal(result.stderr, `fpzk: [${code}] why ${code}\n`);
      },
    );
  }
});

test("something that is no FPZKServer is named as such", async () => {
  await withRest(
    (_, response) => response.end("<html>"),
    async (rest) => {
      const result = await fpzk(rest, "services");
      assert.equal(result.exitCode, 1);
      assert.match(result.stderr, /no JSON; is it FPZK\?/);
    },
  );
});

test("the next server is asked when one cannot be reached or is warming up", async () => {
  await withRest(
    (_, response) => answerProblem(response, 503, "unavailable"),
    async (warming) => {
      await withRest(
        (_, response) => answerJson(response, { services: [] }),
        async (rest) => {
          const servers = `127.0.0.1:1,${warming.url},${rest.url}`;
          const result = await runInMemory(["services", "--server", servers]);
          assert.equal(result.exitCode, 0);
          assert.deepEqual([warming.asked.length, rest.asked.length], [1, 1]);
        },
      );
    },
  );
  const none = await runInMemory(["services", "--server", "127.0.0.1:1"]);
  assert.equal(none.exitCode, 5);
  assert.match(none.stderr, /127\.0\.0\.1:1: nobody listens there/);
});

test("watch prints changes, and goes on where it stopped when the connection ends", async () => {
  const interrupt = new AbortController();
  const lines = (response: Parameters<Answerer>[1], values: readonly unknown[]) =>
    response.write(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  const answer: Answerer = ({ url }, response) => {
    if (url.endsWith("/services/hello/watch")) {
      const complete = {
        type: "complete",
        kind: "full",
        isBehind: false,
        digest: "0",
        resume: "r1",
      };
      lines(response, [{ type: "instance", instance: INSTANCE }, complete, ALIVE]);
      const changed = { ...INSTANCE, state: "draining" };
      lines(response, [{ type: "changed", instance: changed, resume: "r+2" }]);
      response.end();
      return;
    }
    lines(response, [
      { type: "complete", kind: "delta", isBehind: false, digest: "0", resume: "r3" },
    ]);
    lines(response, [{ type: "removed", id: "a/1", reason: "drained", stamp: {} }]);
  };
  await withRest(answer, async (rest) => {
    const onOutput = (written: string) => {
      if (written.includes("removed") || written.includes("drained")) interrupt.abort();
    };
    const options = { interrupted: interrupt.signal, onOutput };
    const result = await fpzk(rest, "watch hello", options);
    assert.equal(result.exitCode, 0, result.stderr);
    const shown = result.stdout.replace(/^\d\d:\d\d:\d\d\.\d{3} {2}/gm, "").split("\n");
    assert.deepEqual(shown, [
      "+ a/1  http://[::1]:8080  up  alive  eu",
      "= hello: 1 instances",
      "~ a/1  http://[::1]:8080  draining  alive  eu",
      "= hello: 1 instances",
      "- a/1  drained",
      "",
    ]);
    assert.match(result.stderr, /ended the watch; trying again/);
    assert.ok(rest.asked.at(-1)?.url.endsWith("/watch?resume=r%2B2"));
  });
});

test("watch --json passes each line on, without signs of life", async () => {
  const interrupt = new AbortController();
  const removed = { type: "removed", id: "a", reason: "silent", stamp: {}, resume: "r" };
  await withRest(
    (_, response) => response.write(`${JSON.stringify(ALIVE)}\n${JSON.stringify(removed)}\n`),
    async (rest) => {
      const options = { interrupted: interrupt.signal, onOutput: () => interrupt.abort() };
      const result = await fpzk(rest, "watch hello --json", options);
      assert.deepEqual([result.exitCode, JSON.parse(result.stdout)], [0, removed]);
    },
  );
});

test("a watch that is refused ends with the reason", async () => {
  const end = { type: "end", code: "unauthenticated", reason: "the token expired" };
  await withRest(
    (_, response) => response.end(`${JSON.stringify(end)}\n`),
    async (rest) => {
      const result = await fpzk(rest, "watch hello");
      assert.equal(result.exitCode, 4);
      assert.match(result.stderr, /the token expired/);
    },
  );
  const none = await runInMemory(["watch", "hello", "--server", "127.0.0.1:1"]);
  assert.equal(none.exitCode, 5);
});

test("a selection is drained line by line, and lifted", async () => {
  const lines = [
    { type: "plan", instanceCount: 3, serviceCount: 2 },
    { type: "draining", service: "cart", id: "1" },
    { type: "drained", service: "cart", id: "1", confirmedCount: 4, unconfirmed: [] },
    { type: "drained", service: "cart", id: "2", confirmedCount: 3, unconfirmed: ["us-1/c7"] },
    { type: "held", service: "shop", id: "1", upCount: 1, totalCount: 4 },
    { type: "alive" },
    {
      ...{ type: "end", isComplete: true, drainedCount: 1, unconfirmedCount: 1 },
      ...{ heldCount: 1, failedCount: 0 },
    },
  ];
  const lifted = { lifted: [{ service: "cart", id: "1" }], failed: [] };
  const answer: Answerer = ({ method }, response) => {
    if (method === "DELETE") return answerJson(response, lifted);
    response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  };
  await withRest(answer, async (rest) => {
    const words = "drain --zone eu-1 --max-unavailable 50% --batch 3 --timeout 2s --note why";
    const result = await fpzk(rest, words);
    assert.equal(result.exitCode, 1);
    assert.deepEqual(rest.asked.at(-1)?.body, {
      ...{ zone: "eu-1", batch: 3, maxUnavailable: "50%", note: "why", timeout: 2_000 },
    });
    assert.deepEqual(result.stdout.split("\n"), [
      "3 instances of 2 services are selected",
      "… cart/1  draining",
      "✓ cart/1  drained; 4 subscribers confirmed",
      "! cart/2  may still be picked by us-1/c7; 3 subscribers confirmed",
      "- shop/1  held back: 1 of 4 are up (--all takes it out too)",
      "1 drained, 1 not confirmed by all, 1 held back",
      "",
    ]);
    const json = await fpzk(rest, "drain cart --version-tag 2 --all --json");
    assert.deepEqual(rest.asked.at(-1)?.body, { service: "cart", version: "2", all: true });
    assert.equal(json.stdout.trim().split("\n").length, lines.length - 1);
    const online = await fpzk(rest, "online --host 10.0.0.7");
    assert.equal(rest.asked.at(-1)?.url, "/v1/namespaces/default/overrides?host=10.0.0.7");
    assert.deepEqual(online, {
      exitCode: 0,
      stdout: "cart/1 has its own state again\n",
      stderr: "",
    });
  });
});

test("a drain that is cut off fails and says that it can be run again", async () => {
  await withRest(
    (_, response) => response.end('{"type":"plan","instanceCount":1,"serviceCount":1}\n'),
    async (rest) => {
      const result = await fpzk(rest, "drain --zone a");
      assert.equal(result.exitCode, 5);
      assert.match(result.stderr, /what is drained stays so: run it again/);
    },
  );
});

test("a selection that would be everything, or two things at once, is refused unasked", async () => {
  const cases = [
    ["drain", /needs SERVICE and ID, or --zone/],
    ["drain hello", /needs an ID, or --zone.*--all for every instance of hello/],
    ["drain hello a --zone b", /an ID or a selection, not both/],
    ["drain --version-tag 1", /--version-tag needs SERVICE/],
    ["drain --zone a --batch 0", /--batch "0" must be 1 to 100/],
    ["drain --zone a --max-unavailable 101%", /--max-unavailable/],
    ["online", /needs SERVICE and ID/],
  ] as const;
  await withRest(
    () => assert.fail("nothing is asked"),
    async (rest) => {
      for (const [words, text] of cases) {
        const result = await fpzk(rest, words);
        assert.equal(result.exitCode, 2, words);
        assert.match(result.stderr, text);
      }
    },
  );
});

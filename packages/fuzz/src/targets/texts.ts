/** Everything that is read as text: configuration files, arguments, tokens, bodies, routes. */
import {
  createRouteTable,
  ErrorCode,
  type Grants,
  type InstanceDescription,
  RegistryError,
  readRoutes,
  SeededRandom,
} from "@fpzk/core";
import { parseInstanceDescription } from "@fpzk/protocol";
import { CONFIG_KINDS } from "../../../cli/dist/config/config-kinds.js";
import { parseConfig } from "../../../cli/dist/config/parse-config.js";
import { runInMemory } from "../../../cli/dist/testing/memory-io.js";
import { bearerToken, createAuthenticator, signToken } from "../../../server/dist/authenticator.js";
import { parseHostPort } from "../../../server/dist/host-port.js";
import { nestingDepth, parseJsonBody } from "../../../server/dist/rest/json-body.js";
import { encodeResumeToken, parseResumeToken } from "../../../server/dist/rest/resume-token.js";
import { type Target, Violation } from "../engine/target.js";

const TEXT_MAX_BYTES = 16 * 1024;
const textOf = (input: Uint8Array) => Buffer.from(input).toString();
const bytesOf = (...texts: string[]) => texts.map((text) => Buffer.from(text));

const CONFIG_WORDS = [
  ...["nodeId: n1\n", "region: eu\n", "cluster:\n  sessionTtl: 3s\n", "seeds: [a:1]\n", "&a", "*a"],
  ...["<<: ", "!!js/function ", "? ", "- ", "{", "[", "|\n", "---\n", "\t", '"', "'", "#", "%YAML"],
  ...[
    "__proto__: 1\n",
    "port: ",
    "routes:\n  - service: a\n",
    "tokens:\n  - name: a\n",
    "1e999",
    "~",
  ],
];

/** A configuration file of either program: good settings, or mistakes that can be shown. */
const configFile: Target = {
  name: "config-file",
  form: "text",
  seeds: () =>
    bytesOf(
      "nodeId: n1\nregion: eu\nport: 7100\nseeds: [127.0.0.1:7101]\n",
      "cluster:\n  name: fpzk\n  sessionTtl: 3s\n",
      "tokens:\n  - name: a\n    token: abcdefghijklmnopqrstuvwxyz\n    roles: [read]\n",
      "routes:\n  - host: a.b\n    pathPrefix: /x\n    service: cart\n",
      "",
    ),
  words: CONFIG_WORDS,
  run: (input) => {
    const file = { name: "fpzk.yaml", text: textOf(input) };
    for (const kind of CONFIG_KINDS) {
      const parsed = parseConfig(kind, { file, environment: {}, flags: new Map() });
      if (!parsed.isGood && parsed.mistakes.length === 0)
        throw new Violation("refused without word");
    }
    if (({} as Record<string, unknown>)["polluted"] !== undefined) throw new Violation("polluted");
  },
  covers: ["packages/cli/dist/config/", "node_modules/yaml/"],
  maxBytes: TEXT_MAX_BYTES,
};

/** Commands that ask no server: each ends with an exit code of the table. */
const SAFE_COMMANDS = new Set(["config", "token", "help", "--help", "--version", "-h", "-V"]);

const commandLine: Target = {
  name: "command-line",
  form: "text",
  seeds: () =>
    bytesOf(
      "config\nserver\n--port\n7200",
      "config\nproxy\n--config\nfile",
      "config\n--docs",
      "token\n--subject\na\n--namespace\nb\n--roles\nread\n--ttl\n1h",
      "help\nserver",
      "--version",
    ),
  words: ["--port", "--config", "file", "\n", "=", "--", "-", "--json", "--seeds", "a,b", "--log"],
  run: async (input) => {
    const [command = "", ...rest] = textOf(input).split("\n");
    if (!SAFE_COMMANDS.has(command)) return;
    const files = { file: rest.join("\n") };
    const key = "a token key that is long enough to be one";
    const environment = { FPZK_TOKEN_KEY: key, FPZK_PORT: rest[0] ?? "" };
    const { exitCode, stderr } = await runInMemory([command, ...rest], { files, environment });
    if (/internal|TypeError|RangeError|undefined is not/.test(stderr.slice(0, 40))) {
      throw new Violation(stderr);
    }
    if (!Number.isInteger(exitCode)) throw new Violation(`exit code ${exitCode}`);
  },
  covers: ["packages/cli/dist/"],
  maxBytes: 1_024,
};

const TOKEN_KEY = "a key of at least thirty-two bytes in all";
const NO_GRANTS: Grants = { mayRead: false, mayRegister: false, mayOperate: false };

/** A token and an authorization header: nobody gets in who was not given a key. */
const tokens: Target = {
  name: "tokens",
  form: "text",
  seeds: () =>
    bytesOf(
      "Bearer abc",
      "Basic YTpi",
      "eyJhbGciOiJIUzI1NiJ9.eyJucyI6IioiLCJyb2xlcyI6WyJyZWFkIl0sInN1YiI6ImEiLCJleHAiOjk5OTk5OTk5OTl9.AAAA",
      "eyJhbGciOiJub25lIn0.eyJucyI6IioiLCJyb2xlcyI6WyJyZWFkIl0sInN1YiI6ImEiLCJleHAiOjk5OTk5OTk5OTl9.",
    ),
  words: ["eyJhbGciOiJub25lIn0.", ".", "Bearer ", "=", "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiYSJdfQ."],
  run: async (input) => {
    const text = textOf(input);
    const token = orderly(() => bearerToken({ authorization: text }));
    const staticTokens = [
      { name: "a", token: "the one good token", namespace: "default", roles: ["read"] as const },
    ];
    const authenticator = createAuthenticator({ staticTokens, tokenKey: TOKEN_KEY });
    for (const tried of [text, token]) {
      if (tried?.includes("the one good token")) continue;
      try {
        const principal = await authenticator.authenticate(tried);
        const grants = principal.grantsOf("default") ?? NO_GRANTS;
        throw new Violation(`let in as ${principal.name} with ${JSON.stringify(grants)}`);
      } catch (error) {
        if (RegistryError.from(error).code !== ErrorCode.unauthenticated) throw error;
      }
    }
  },
  start: async () => {
    await signToken(TOKEN_KEY, { subject: "a", namespace: "*", roles: ["read"], ttlMs: 1_000 });
  },
  covers: ["packages/server/dist/authenticator", "node_modules/jose/"],
  maxBytes: 8 * 1024,
};

/** What a program or a body says of its instance. */
const description: Target = {
  name: "description",
  form: "json",
  seeds: () =>
    bytesOf(
      JSON.stringify({
        endpoints: [{ protocol: "http", host: "a", port: 80, tls: true }],
        metadata: { a: "b" },
        weight: 5,
        group: "g",
        version: "1",
        region: "eu",
        zone: "a",
      }),
      "{}",
    ),
  words: ["endpoints", "metadata", "__proto__", "constructor", "127.0.0.1", "::1", "host"],
  run: (input) => {
    let value: unknown;
    try {
      value = parseJsonBody(input);
    } catch (error) {
      if (error instanceof RegistryError) return;
      throw error;
    }
    if (nestingDepth(textOf(input)) < 0) throw new Violation("negative depth");
    parseInstanceDescription(
      value as Partial<InstanceDescription>,
      {
        region: "eu",
        zone: "",
        nowWallTime: 0,
      } as never,
    );
  },
  covers: ["packages/protocol/dist/", "packages/server/dist/rest/"],
  maxBytes: TEXT_MAX_BYTES,
};

/** A watch's resume token: what it stands for is written as it was read. */
const resumeToken: Target = {
  name: "resume-token",
  form: "text",
  seeds: () => [
    Buffer.from(
      encodeResumeToken({
        position: [{ origin: { nodeId: "a", generation: 1, scope: 0 }, version: 3 }],
        digest: { high: 1, low: 2 },
      }),
    ),
  ],
  run: (input) => {
    const point = parseResumeToken(textOf(input));
    if (point !== undefined) encodeResumeToken(point);
    orderly(() => parseHostPort(textOf(input)));
  },
  covers: ["packages/server/dist/", "packages/protocol/dist/"],
  maxBytes: 16 * 1024,
};

/** Routes of the proxy, and requests against them: `[routes, [host, path, policy, key]]`. */
const routes: Target = {
  name: "routes",
  form: "json",
  seeds: () =>
    bytesOf(
      JSON.stringify([
        [
          { host: "a.b", pathPrefix: "/x", service: "cart", stripPrefix: true },
          { service: "o", key: "cookie:a" },
        ],
        ["A.B:80", "/x/y?z", "random", "k"],
      ]),
      JSON.stringify([[], ["h", "/ns/default/svc/cart/a", "", ""]]),
    ),
  words: ["/", "//", "/..", "/%2e%2e/", "?", "a.b", "[::1]:80", "%", "/x", "service", "host"],
  run: (input) => {
    let value: unknown;
    try {
      value = JSON.parse(textOf(input));
    } catch {
      return;
    }
    const [list, query] = Array.isArray(value) ? (value as unknown[]) : [];
    if (!Array.isArray(list) || !Array.isArray(query)) return;
    const [host, path, policy, key] = query.map(String);
    // What is wrong is refused by name; what is left can be followed.
    const { routes } = readRoutes(list);
    const table = createRouteTable(routes, { isDynamic: true, random: new SeededRandom(1) });
    const fields: Readonly<Record<string, string | undefined>> = {
      "x-fpzk-policy": policy,
      ...{ "x-fpzk-key": key, "x-fpzk-version": key, cookie: key },
    };
    const match = table.match({
      method: "GET",
      host: host ?? "",
      path: path ?? "/",
      clientAddress: "10.0.0.1",
      header: (name) => fields[name],
    });
    if (match.type === "target" && !match.target.path.startsWith("/")) {
      throw new Violation(`the instance would see ${match.target.path}`);
    }
  },
  covers: ["packages/core/dist/route/"],
  maxBytes: TEXT_MAX_BYTES,
};

/** A refusal with a code is orderly. */
function orderly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RegistryError || (error as Error).name === "RegistryError") {
      return undefined;
    }
    throw error;
  }
}

export const TEXT_TARGETS: readonly Target[] = [
  configFile,
  commandLine,
  tokens,
  description,
  resumeToken,
  routes,
];

/** The program that users copy from README.md, made to run against a server of the test. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Stands on a line of its own before the example's fence. */
const MARKER = "<!-- test:client-example -->";
const ADDRESS = "127.0.0.1:7100";

/**
 * Files of a program that registers a service at `address` and stays; `main.ts` is its start.
 *
 * @throws Error where README.md has no example, or one that this cannot point to a server.
 */
export function clientExample(
  workspaceFolder: string,
  address: string,
): Readonly<Record<string, string>> {
  const readmeFile = join(workspaceFolder, "README.md");
  // Without a README, the example that docs/client.md quotes stands in.
  if (!existsSync(readmeFile)) return embedExample(workspaceFolder, address);
  const readme = readFileSync(readmeFile, "utf8");
  const [, afterMarker] = readme.split(MARKER);
  const code = /^\s*```ts\n(?<code>.*?)^```$/ms.exec(afterMarker ?? "")?.groups?.["code"];
  if (code === undefined) {
    throw new Error(
      `README.md has no client example: put ${MARKER} on the line before its \`\`\`ts block`,
    );
  }
  if (!code.includes(ADDRESS)) {
    throw new Error(`the client example of README.md must name its server: ${ADDRESS}`);
  }
  return { "main.ts": code.replaceAll(ADDRESS, address) };
}

function embedExample(workspaceFolder: string, address: string): Readonly<Record<string, string>> {
  return {
    "basic.ts": readFileSync(join(workspaceFolder, "examples", "embed", "basic.ts"), "utf8"),
    "main.ts": `
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { callOnce, open, provide } from "./basic.js";

const server = createServer((_request, response) => response.end("hello from orders"));
server.listen(0, "127.0.0.1", async () => {
  const client = await open([${JSON.stringify(address)}]);
  await provide(client, (server.address() as AddressInfo).port);
  const orders = client.subscribe("orders");
  await orders.ready();
  console.log(await callOnce(orders, "/"));
});
`,
  };
}

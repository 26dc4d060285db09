/** The programs that users copy from README.md and docs/client.md, pointed to a server of a test. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const DEFAULT_CONNECT = "connect()";

/** A program of the README's tour: the block that follows `<!-- tour: file NAME -->`. */
export function tourProgram(workspaceFolder: string, name: string, address: string): string {
  const readme = readFileSync(join(workspaceFolder, "README.md"), "utf8");
  const marker = `<!-- tour: file ${name} -->`;
  const [, afterMarker] = readme.split(marker);
  const code = /^\s*```js\n(?<code>.*?)^```$/ms.exec(afterMarker ?? "")?.groups?.["code"];
  if (code === undefined) {
    throw new Error(
      `README.md has no ${name}: put ${marker} on the line before its \`\`\`js block`,
    );
  }
  if (!code.includes(DEFAULT_CONNECT)) {
    throw new Error(`${name} of README.md must connect by ${DEFAULT_CONNECT}: a test replaces it`);
  }
  return code.replace(DEFAULT_CONNECT, `connect({ servers: [${JSON.stringify(address)}] })`);
}

/** The code that docs/client.md quotes. */
export function guideProgram(workspaceFolder: string): string {
  return readFileSync(join(workspaceFolder, "examples", "embed", "basic.ts"), "utf8");
}

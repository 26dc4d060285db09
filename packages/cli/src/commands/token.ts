/** `fpzk token`: signs a token that every server with the same key accepts. */
import { readFileSync } from "node:fs";
import type { RoleName, TokenClaims } from "@fpzk/server";
import { CliError } from "../cli-error.js";
import type { ConfigureCommand } from "../command.js";
import { formatDurationMs, parseDurationMs } from "../config/duration.js";
import { ExitCode } from "../exit-code.js";
import type { Io } from "../io.js";

const KEY_MIN_BYTES = 32;
const KEY_FILE_MAX_BYTES = 4_096;
const EXPIRES_DEFAULT_MS = 30 * 86_400_000;
const EXPIRES_MIN_MS = 1_000;
const EXPIRES_MAX_MS = 3_650 * 86_400_000;
const ROLES: readonly RoleName[] = ["read", "register", "operate"];

interface TokenOptions {
  readonly namespace?: string;
  readonly roles: string;
  readonly subject?: string;
  readonly expires?: string;
  readonly key?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

export const configure: ConfigureCommand = (command, io) => {
  command
    .option("-n, --namespace <name>", 'namespace it opens, or "*" for all (default "default")')
    .option("-r, --roles <a,b>", `what it may do: ${ROLES.join(", ")}`, "read")
    .option("--subject <name>", "who holds it, for audit and logs")
    .option(
      "--expires <duration>",
      `how long it holds (default ${formatDurationMs(EXPIRES_DEFAULT_MS)})`,
    )
    .option("--key <key>", "the servers' tokenKey, better given as FPZK_TOKEN_KEY")
    .option("--key-file <file>", 'file with that key (FPZK_TOKEN_KEY_FILE); "-" is standard input')
    .option("--json", "one JSON document with the token and what it says")
    .addHelpText(
      "after",
      `
"register" includes "read", "operate" includes both. A token cannot be called back before it
expires: keep that short.

Examples:
  export FPZK_TOKEN_KEY=$(openssl rand -base64 36)
  fpzk token --subject checkout --roles register --expires 90d
  export FPZK_TOKEN=$(fpzk token --subject me --namespace '*' --roles operate --expires 8h)
`,
    )
    .action(async (options: TokenOptions) => {
      const { key, claims } = readClaims(options, io);
      const { signToken } = await import("@fpzk/server");
      const token = await signToken(key, claims);
      const { ttlMs, ...said } = claims;
      const expires = new Date(Date.now() + ttlMs).toISOString();
      const text = options.json ? JSON.stringify({ token, ...said, expires }) : token;
      io.stdout.write(`${text}\n`);
    });
};

/** Everything checked at once. */
function readClaims(options: TokenOptions, io: Io) {
  const faults: string[] = [];
  const roles = options.roles.split(",").map((role) => role.trim());
  if (!roles.every(isRole)) {
    faults.push(`--roles ${JSON.stringify(options.roles)} must be some of ${ROLES.join(", ")}`);
  }
  const expiresMs = parseDurationMs(options.expires ?? EXPIRES_DEFAULT_MS);
  if (expiresMs === undefined || expiresMs < EXPIRES_MIN_MS || expiresMs > EXPIRES_MAX_MS) {
    faults.push(
      `--expires ${JSON.stringify(options.expires)} must be a duration such as "8h" or "90d", ` +
        `${formatDurationMs(EXPIRES_MIN_MS)} to ${formatDurationMs(EXPIRES_MAX_MS)}`,
    );
  }
  if (options.subject === undefined || options.subject === "") {
    faults.push("--subject NAME is missing: who holds the token, for audit and logs");
  }
  const key = readKey(options, io, faults);
  if (faults.length > 0) throw new CliError(ExitCode.usage, faults.join("\nfpzk: "));
  const namespace = options.namespace ?? (io.environment["FPZK_NAMESPACE"] || "default");
  const claims: TokenClaims = {
    subject: options.subject ?? "",
    namespace,
    roles: roles.filter(isRole),
    ttlMs: expiresMs ?? 0,
  };
  return { key, claims };
}

function isRole(role: string): role is RoleName {
  return ROLES.some((known) => known === role);
}

function readKey(options: TokenOptions, io: Io, faults: string[]): string {
  const { environment } = io;
  const isFromFlag = options.key !== undefined || options.keyFile !== undefined;
  const given = isFromFlag ? options.key : environment["FPZK_TOKEN_KEY"] || undefined;
  const file = isFromFlag ? options.keyFile : environment["FPZK_TOKEN_KEY_FILE"] || undefined;
  if (given !== undefined && file !== undefined) {
    faults.push("a key and a file of a key are given: only one of them can count");
  }
  const key = given ?? (file === undefined ? undefined : readKeyFile(file, io));
  if (key === undefined) {
    faults.push("no key to sign with: set FPZK_TOKEN_KEY, or give --key-file FILE");
    return "";
  }
  if (Buffer.byteLength(key) < KEY_MIN_BYTES) {
    faults.push(`the key has ${Buffer.byteLength(key)} bytes; it must have >= ${KEY_MIN_BYTES}`);
  }
  return key;
}

function readKeyFile(path: string, io: Io): string {
  return (path === "-" ? readFileSync(0, "utf8") : io.readFile(path, KEY_FILE_MAX_BYTES)).trim();
}
